"""The mathematics: symbols, parsing, shapes, derivation, the reference oracle."""
