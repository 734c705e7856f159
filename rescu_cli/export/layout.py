"""Laying out generated Python: heads of functions, docstrings, indentation."""

from __future__ import annotations

import textwrap

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import Parameter

WIDTH = 88
"""Width of generated lines, the default of common formatters."""


def head(name: str, arguments: list[str], returns: str, by: int = 0) -> str:
    """The head of a function; one argument a line where it does not fit."""
    pad = " " * by
    line = f"{pad}def {name}({', '.join(arguments)}) -> {returns}:"
    if len(line) <= WIDTH:
        return line
    inner = "\n".join(f"{pad}    {a}," for a in arguments)
    return f"{pad}def {name}(\n{inner}\n{pad}) -> {returns}:"


def indented(lines: list[str], by: int = 4) -> str:
    """The lines as one text, indented."""
    return "\n".join(" " * by + line if line else "" for line in lines)


def wrapped(text: str, by: int = 0) -> list[str]:
    """Prose in lines that fit after an indent."""
    return textwrap.wrap(text, WIDTH - by, break_long_words=False, break_on_hyphens=False)


def docstring(lines: list[str], by: int = 0) -> str:
    """The lines as a docstring."""
    pad = " " * by
    first, *rest = lines
    if not rest:
        return f'{pad}"""{first}"""'
    return "\n".join([f'{pad}"""{first}', *(f"{pad}{r}".rstrip() for r in rest), f'{pad}"""'])


def default(p: Parameter) -> str:
    """`` = value`` for a signature; empty if there is no default."""
    return "" if p.default is None else f" = {float(p.default)!r}"


def bound(activation: Activation) -> str:
    """The parameters fixed in the text."""
    return ", ".join(f"{p.name}={p.value}" for p in activation.parameters if p.value is not None)


def exported(names: list[str]) -> list[str]:
    """``__all__``, one name a line."""
    return ["__all__ = [", *(f'    "{n}",' for n in sorted(names)), "]"]
