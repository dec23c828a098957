"""Finished events put away: their rows in a file that says what it is, and back."""
