"""The engines that decide claims, in the order in which they are asked.

Adding one is one file with a class that fits `Engine` and one row in ``ENGINES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.question import Question
from rescu_cli.errors import UnknownNameError

ENGINES: dict[str, str] = {"exact": "ExactEngine", "z3": "Z3Engine", "ball": "BallEngine"}
"""Name (and module of this package) -> class, in the order of asking."""


class Engine(Protocol):
    """One way of deciding claims. It must be sound: undecided rather than wrong."""

    name: str

    @property
    def version(self) -> str:
        """What has to be the same for the same answers, e.g. ``sympy 1.14.0``."""

    def decide(self, question: Question) -> Claim | None:
        """The claim that answers, possibly undecided with a reason; None if out of its field."""


def load_engines(names: Sequence[str] | None = None) -> list[Engine]:
    """The engines called ``names``, all of them by default.

    Raises:
        UnknownNameError: If there is no such engine.
    """
    chosen: list[Engine] = []
    for name in ENGINES if names is None else names:
        if name not in ENGINES:
            raise UnknownNameError("engine", str(name)[:60], ENGINES)
        module = import_module(f"rescu_cli.certify.engines.{name}")
        chosen.append(getattr(module, ENGINES[name])())
    return chosen
