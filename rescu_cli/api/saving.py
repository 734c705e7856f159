"""What several commands leave in a folder alike, and say alike of few seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW_SEEDS = 5
_ENDINGS = (".png", ".svg")


def save_figure(folder: Path, stem: str, figure: Figure | None) -> None:
    """``stem.png`` and ``stem.svg`` in the folder.

    Args:
        folder: Of the run.
        stem: Name without ending.
        figure: None if there is nothing to draw: then those of a run before are removed, which
            would show other numbers.
    """
    from rescu_cli.core.files import write_atomically
    from rescu_cli.plot import figure_bytes

    for ending in _ENDINGS:
        path = (folder / stem).with_suffix(ending)
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, figure_bytes(figure, ending))


def few_seeds(n_seeds: int) -> list[str]:
    """What so few seeds cannot say; nothing if they are enough."""
    if n_seeds < 2:
        return [f"One seed has no interval; use '--seeds {FEW_SEEDS}' or more."]
    if n_seeds < FEW_SEEDS:
        return [
            f"{n_seeds} seeds make wide intervals (t with {n_seeds - 1} degree"
            f"{'s' * (n_seeds > 2)} of freedom); use '--seeds {FEW_SEEDS}' or more."
        ]
    return []
