"""One file per command (or per small group of them)."""
