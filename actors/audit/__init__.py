"""The audit: from the journal's rows alone, prove that nothing was sold twice and nothing acknowledged was lost."""
