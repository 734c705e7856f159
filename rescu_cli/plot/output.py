"""Figures as bytes, the same for the same figure on every call; whoever asks writes the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from rescu_cli.errors import UsageError
from rescu_cli.plot.style import house_style

FORMATS = ("png", "svg", "pdf")

_DIGITS = 7
"""Decimals of a panel's place in the figure: far below a printed dot, far above rounding."""

_UNDATED: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def figure_bytes(figure: Figure, file_format: str, *, title: str | None = None) -> bytes:
    """The content of an image file.

    SVG text stays text, PDF fonts are embedded as TrueType, and no date is written.

    Args:
        figure: Any Matplotlib figure.
        file_format: ``png`` (300 dots per inch), ``svg`` or ``pdf``.
        title: Title for the file's metadata.

    Raises:
        UsageError: If the format is none of these.
    """
    wanted = file_format.lower().removeprefix(".")
    if wanted not in FORMATS:
        raise UsageError(
            f"Figures cannot be written as {file_format[:20]!r}; choose {', '.join(FORMATS)}."
        )
    metadata = {**_UNDATED[wanted], **({"Title": title} if title else {})}
    buffer = BytesIO()
    with house_style(), _settled(figure):
        figure.savefig(buffer, format=wanted, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _settled(figure: Figure) -> Iterator[None]:
    """The layout computed once and rounded, for as long as the block runs.

    The layout's solver visits its variables in the order of their addresses, so that its last bits
    differ from run to run; an SVG carries them in the names of its clip paths.
    """
    engine = figure.get_layout_engine()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, low, width, height = (
            round(float(edge), _DIGITS) for edge in axes.get_position(original=True).bounds
        )
        axes.set_position((left, low, width, height))
    try:
        yield
    finally:
        if engine is not None:
            figure.set_layout_engine(engine)
            for axes in figure.axes:
                axes.set_in_layout(True)  # set_position takes them out
