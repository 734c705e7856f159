"""Fewer ReLUs: which ones a trained network can do without, by published methods, on toy models."""
