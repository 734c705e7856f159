"""Drawings inside the page, in colours that follow the reader's light or dark."""

from __future__ import annotations

import re
from html import escape

_VARIABLES = {
    "#ffffff": "paper",
    "#000000": "c0",
    "#0072b2": "c1",
    "#d55e00": "c2",
    "#009e73": "c3",
    "#cc79a7": "c4",
    "#56b4e9": "c5",
    "#e69f00": "c6",
    "#6b6b6b": "grey",
    "#ececec": "grid",
    "#c9c9c9": "hairline",
}
"""The colours of `rescu_cli.plot.style` and the page's name for each; others stay as they are."""


def inline_figure(svg: str | None, name: str, label: str) -> str:
    """A drawing for the inside of a page; nothing for None.

    Without its prologue, which HTML does not allow there, its metadata, and ids that nothing uses;
    with ids of its own, so that two drawings do not take each other's parts.

    Args:
        svg: An SVG document.
        name: Before each id.
        label: What it shows, for those who cannot see it.
    """
    if svg is None:
        return ""
    drawing = svg[svg.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', drawing))
    drawing = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", drawing)
    drawing = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawing)
    drawing = re.sub(r"(?<=: )#[0-9a-f]{6}\b", _variable, drawing)
    drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    return f"<figure>{drawing.strip()}</figure>"


def _variable(color: re.Match[str]) -> str:
    name = _VARIABLES.get(color[0])
    return color[0] if name is None else f"var(--{name})"
