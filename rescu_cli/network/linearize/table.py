"""The table of methods. A new one is one file with ``choose(student, task)`` and one row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rescu_cli.network.linearize import autorep, deepreduce, random, snl, taylor
from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import Task


@dataclass(frozen=True)
class Method:
    """One way to choose ReLUs.

    Args:
        choose: Sets the masks of a student that has the full network's weights and all ReLUs, and
            returns for how many epochs it has trained that student meanwhile.
        summary: For the help.
    """

    choose: Callable[[Student, Task], int]
    summary: str


METHODS: dict[str, Method] = {
    "random": Method(random.choose, "by lot: the floor"),
    "snl": Method(snl.choose, "coefficients under a 1-norm"),
    "autorep": Method(autorep.choose, "indicators with hysteresis"),
    "deepreduce": Method(deepreduce.choose, "whole stages by criticality"),
    "taylor": Method(taylor.choose, "second-order scores"),
}
