"""Figures as bytes, the same for the same figure on every call; whoever asks writes the file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from rescu_cli.errors import UsageError
from rescu_cli.plot.style import house_style

FORMATS = ("png", "svg", "pdf")

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
    with house_style():
        figure.savefig(buffer, format=wanted, metadata=metadata)
    return buffer.getvalue()
