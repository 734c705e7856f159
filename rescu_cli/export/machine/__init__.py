"""Machine arithmetic: an artifact at every float of a format, against the exact function.

keys ──floats──▶ code ──▶ results ┐
            └──▶ truth ───────────┴─judge─▶ Tally ──join──▶ MachineReport
"""

from __future__ import annotations

from rescu_cli.export.machine.check import Monotone, check_machine, held
from rescu_cli.export.machine.report import MachineReport

__all__ = ["MachineReport", "Monotone", "check_machine", "held"]
