"""Activations and an oracle that shares no code with what is tested."""

from __future__ import annotations

import mpmath

from rescu_cli import catalogue
from rescu_cli.approximate import Target
from rescu_cli.core.activation import Activation

mp = mpmath.mp


def target(text: str) -> Target:
    return Target(activation(text))


def activation(text: str) -> Activation:
    return catalogue.resolve(text).with_defaults()


ORACLE = {
    "relu": lambda x: max(x, mp.mpf(0)),
    "leaky_relu:alpha=0.1": lambda x: x if x > 0 else x / 10,
    "smelu:beta=1": lambda x: mp.mpf(0) if x < -1 else x if x > 1 else (x + 1) ** 2 / 4,
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "swish": lambda x: x / (1 + mp.exp(-x)),
    "mish": lambda x: x * mp.tanh(mp.log(1 + mp.exp(x))),
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "tanh": mp.tanh,
    "hard_swish": lambda x: x * min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
}
"""By spec, in mpmath: written from the papers, not from the catalogue."""
JOINTS = {"smelu:beta=1": (-1, 1), "hard_swish": (-3, 3)}
