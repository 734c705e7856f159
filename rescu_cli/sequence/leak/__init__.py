"""Semantic leakage: whether what a model writes is drawn towards a word that should not matter."""
