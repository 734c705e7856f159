"""Retention (Sun et al. 2023) in its three forms."""
