"""Searching for activations: a grammar of formulas, gradient shapes, and strategies."""
