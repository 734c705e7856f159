"""Whether a program rises with x in floats by its structure alone, whatever the rounding.

IEEE operations are monotone in each operand. So a sum of rising terms rises, a product of rising
terms that are not negative does, a minimum or maximum of rising terms does, and so on through the
program. Library functions (exp, erfc, …) are not monotone in floats, and end the argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescu_cli.export.program import Node, Program


@dataclass(frozen=True)
class _Trend:
    """What is known of a node: it never falls, never rises, is ≥ 0, is ≤ 0."""

    rises: bool = False
    falls: bool = False
    above: bool = False
    below: bool = False

    @property
    def mirrored(self) -> _Trend:
        return _Trend(self.falls, self.rises, self.below, self.above)


def rises(program: Program, output: int) -> bool:
    """Whether node ``output`` cannot fall as x grows, in any float format.

    Example:
        >>> from rescu_cli import catalogue
        >>> from rescu_cli.export import lower
        >>> smelu, softplus = (lower(catalogue.resolve(n)) for n in ("smelu:beta=1", "softplus"))
        >>> rises(smelu, smelu.value), rises(softplus, softplus.value)
        (True, False)
    """
    trends: list[_Trend] = []
    for node in program.nodes[: output + 1]:
        trends.append(_trend(node, [trends[a] for a in node.args]))
    return trends[output].rises


def _trend(node: Node, args: list[_Trend]) -> _Trend:
    match node.op:
        case "x":
            return _Trend(rises=True)
        case "constant" if node.number is not None:
            return _Trend(True, True, bool(node.number >= 0), bool(node.number <= 0))
        case "tiny" | "huge":
            return _Trend(True, True, True)
        case "parameter":
            return _Trend(True, True)
        case "neg":
            return args[0].mirrored
        case "add" | "sub":
            a, b = args if node.op == "add" else (args[0], args[1].mirrored)
            return _Trend(a.rises and b.rises, a.falls and b.falls,
                          a.above and b.above, a.below and b.below)  # fmt: skip
        case "max" | "min":
            a, b = args
            either = a.above or b.above, a.below or b.below
            both = a.above and b.above, a.below and b.below
            above, below = (either[0], both[1]) if node.op == "max" else (both[0], either[1])
            return _Trend(a.rises and b.rises, a.falls and b.falls, above, below)
        case "mul":
            return _product(*args)
        case "div" if args[1].rises and args[1].falls:  # by what does not depend on x
            return _product(*args)
        case "sqrt" | "step":
            return _Trend(args[0].rises, args[0].falls, True)
    return _Trend()


def _product(a: _Trend, b: _Trend) -> _Trend:
    if not (a.above or a.below) and (b.above or b.below):
        a, b = b, a
    if a.below and not a.above:
        return _product(a.mirrored, b).mirrored
    if b.below and not b.above:
        return _product(a, b.mirrored).mirrored
    fixed = a.rises and a.falls
    grows = a.above and (b.above or fixed)
    return _Trend(
        grows and a.rises and b.rises, grows and a.falls and b.falls, a.above and b.above, False
    )
