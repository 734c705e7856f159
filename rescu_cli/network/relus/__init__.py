"""How many ReLUs a network evaluates, where, and what private inference would pay for them."""
