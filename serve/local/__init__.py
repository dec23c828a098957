"""One machine: embedded PostgreSQL, Redis and Ray, started, watched and stopped together."""
