"""The auditor, which runs beside the server: it audits every block's journal, and stops a block that sells wrongly."""

AUDITOR = "auditor"
"""The actor's name, and by whom its quarantines are imposed."""
