"""The explicit, lazy table of named activations: a new one is one file and one row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """Where an activation is built.

    Args:
        module: Module of this package.
        builder: Function in it, without arguments.
        aliases: Other names.
        profile: Gradient shape if it is a RESCU member of the tableau, else ''.
    """

    module: str
    builder: str
    aliases: tuple[str, ...] = ()
    profile: str = ""


TABLE: dict[str, Entry] = {
    "relu": Entry("rectified", "relu", profile="step"),
    "leaky_relu": Entry("rectified", "leaky_relu", profile="step"),
    "helu": Entry("helu", "helu"),
    "smelu": Entry("smelu", "smelu", profile="piecewise-linear"),
    "gsmelu": Entry("smelu", "gsmelu", profile="piecewise-linear"),
    "rescu_smoothstep": Entry("rescu", "rescu_smoothstep", profile="smoothstep"),
    "rescu_smootherstep": Entry("rescu", "rescu_smootherstep", profile="smootherstep"),
    "rescu_cosine": Entry("rescu", "rescu_cosine", profile="cosine"),
    "rescu_gaussian": Entry("rescu", "rescu_gaussian", profile="gaussian"),
    "rescu_laplace": Entry("rescu", "rescu_laplace", profile="laplace"),
    "softplus": Entry("softplus", "softplus", profile="logistic"),
    "squareplus": Entry("softplus", "squareplus", profile="algebraic"),
    "sau": Entry("sau", "sau", profile="gaussian"),
    "smu": Entry("sau", "smu"),
    "smu1": Entry("sau", "smu1", profile="algebraic"),
    "swish": Entry("swish", "swish", aliases=("silu",)),
    "hard_swish": Entry("swish", "hard_swish"),
    "gelu": Entry("gelu", "gelu"),
    "gelu_tanh": Entry("gelu", "gelu_tanh"),
    "mish": Entry("mish", "mish"),
    "tanhexp": Entry("mish", "tanhexp"),
    "elu": Entry("elu", "elu"),
    "celu": Entry("elu", "celu"),
    "selu": Entry("elu", "selu"),
    "sigmoid": Entry("bounded", "sigmoid"),
    "tanh": Entry("bounded", "tanh"),
    "identity": Entry("rectified", "identity"),
}
ALIASES: dict[str, str] = {alias: name for name, e in TABLE.items() for alias in e.aliases}
