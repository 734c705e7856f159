"""Sequences: attention with any activation, retention in three forms, leakage of a prompt."""
