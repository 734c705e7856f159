"""Iterative pruning with rewind to the first weights, on toy models that are trained here."""
