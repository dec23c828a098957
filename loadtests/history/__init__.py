"""Histories: what clients asked and were told, and when; held against the journal, or against a model of a block."""
