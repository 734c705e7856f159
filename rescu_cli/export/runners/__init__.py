"""Runs artifacts with the real thing: one module per target that can be executed."""
