"""The questions that are put to a callable, one concept per file."""
