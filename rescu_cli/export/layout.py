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


TORCH_FORMATS = """
# 16-bit formats are computed in float32 and rounded once, at the end.
_COMPUTED_IN = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}"""
"""The table of formats in text that imports torch."""


def domain_row(p: Parameter, activation: Activation, infinity: str) -> str:
    """One row of a table of admissible values: ends, the domain in words, and the test.

    Args:
        p: The parameter.
        activation: For the limits that it is defined at, though they are outside the domain.
        infinity: How the text calls it, e.g. ``math.inf``.
    """
    domain = p.domain
    at_limit = {(n, v) for m in activation.limits for n, v in m.at}
    tests = []
    if domain.lower.is_finite:
        strict = domain.lower_open and (p.name, domain.lower) not in at_limit
        tests.append(f"v {'>' if strict else '>='} {float(domain.lower)!r}")
    if domain.upper.is_finite:
        tests.append(f"v {'<' if domain.upper_open else '<='} {float(domain.upper)!r}")
    test = " and ".join(tests) or "v == v"
    ends = ", ".join(repr(float(e)) if e.is_finite else f"{'-' if e < 0 else ''}{infinity}"
                     for e in (domain.lower, domain.upper))  # fmt: skip
    return f'    "{p.name}": ({ends}, "{domain.describe(p.name)}", lambda v: {test}),'


def bound(activation: Activation) -> str:
    """The parameters fixed in the text."""
    return ", ".join(f"{p.name}={p.value}" for p in activation.parameters if p.value is not None)


def exported(names: list[str]) -> list[str]:
    """``__all__``, one name a line."""
    return ["__all__ = [", *(f'    "{n}",' for n in sorted(names)), "]"]
