"""One property per file: a function from an activation to a `Claim`, sound or undecided."""
