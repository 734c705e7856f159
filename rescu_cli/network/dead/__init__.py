"""Dead units: activations of a network that are off on some or on all inputs of a data set."""
