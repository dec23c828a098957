"""Postgres as Holdfast uses it: connections, named queries, migrations."""
