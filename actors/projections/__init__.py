"""Projections: what is derived from the journals for reading, and the projector that keeps it up to date."""
