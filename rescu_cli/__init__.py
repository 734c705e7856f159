"""Design activations from the shape of their gradient; prove, export and measure them."""

__version__ = "0.1.0"
