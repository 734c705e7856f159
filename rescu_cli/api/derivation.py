"""From the shape of a gradient to an activation with its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from rescu_cli.api.named import has_parameter, resolve
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from rescu_cli.certify import Certificate
    from rescu_cli.core.activation import Activation
    from rescu_cli.core.assumptions import Assumptions
    from rescu_cli.core.shape import GradientShape

Setting: TypeAlias = "float | int | str | None"
"""A number, a text such as ``1/3``, or a parameter's own name to keep it symbolic."""


@dataclass(frozen=True)
class Derivation:
    """An activation with what is known about it: the result of `derive` and `show`.

    Args:
        activation: The function.
        notes: Facts about it in words.
    """

    activation: Activation
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def recognised(self) -> tuple[str, ...]:
        """Catalogue activations it equals, e.g. ``('smelu',)``."""
        from rescu_cli.catalogue.recognise import recognise

        return recognise(self.activation)

    @cached_property
    def certificate(self) -> Certificate:
        """Every claim, each proved, refuted or undecided."""
        from rescu_cli.certify import certify

        return certify(self.activation)

    @property
    def gain(self) -> float | None:
        """`Activation.init_gain`, or None where none exists."""
        from rescu_cli.errors import UnsupportedError

        try:
            return self.activation.init_gain
        except UnsupportedError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """The ``result`` of ``rescu derive --json``."""
        from rescu_cli.core.surrogate import label
        from rescu_cli.core.symbols import spell

        act = self.activation
        return {
            "name": act.name,
            "spec": act.spec,
            "digest": act.digest,
            "parameters": {
                p.name: {
                    "value": None if p.value is None else str(p.value),
                    "default": None if p.default is None else str(p.default),
                    "domain": p.domain.describe(p.name),
                    "meaning": p.meaning,
                }
                for p in act.parameters
            },
            "assumptions": act.assumptions.describe(),
            "value": spell(act.value),
            "gradient": spell(act.gradient),
            "pieces": [
                {"from": str(p.lower), "to": str(p.upper),
                 "value": spell(p.value), "gradient": spell(p.gradient)}
                for p in act.pieces
            ],
            "ties": list(act.owners),
            "closed_form": act.closed_form,
            "anchor": act.anchor,
            "init_gain": self.gain,
            "recognised": list(self.recognised),
            "claims": [c.to_dict() for c in self.certificate.claims],
            "source": None if act.source is None else vars(act.source).copy(),
            "notes": list(self.notes),
            "surrogate": label(act),
        }  # fmt: skip

    def _repr_latex_(self) -> str:
        import sympy as sp

        return f"$$f(x) = {sp.latex(self.activation.value)}$$"


def derive(
    gradient: str | None = None,
    *,
    kernel: str | None = None,
    base: str = "relu",
    knots: str | None = None,
    interpolation: str = "linear",
    anchor: str | None = None,
    alpha: Setting = None,
    beta: Setting = None,
    g_minus: Setting = None,
    g_plus: Setting = None,
    values: Mapping[str, Any] | None = None,
    assume: Sequence[str] = (),
    name: str | None = None,
) -> Derivation:
    """Derive an activation from the shape of its gradient, from knots, or from a kernel.

    Args:
        gradient: A named shape (``piecewise-linear``, ``smoothstep:3``) or an expression in x.
        kernel: Instead of a gradient: the kernel that smooths ``base``.
        base: What the kernel smooths, e.g. ``leaky_relu:alpha=0.1``.
        knots: Instead of a gradient: ``"-1:0, 0:0.3, 1:1"``.
        interpolation: ``linear`` or ``pchip``, for knots.
        anchor: ``left``, ``zero`` or ``right``; where the constant of integration is fixed.
        alpha: Makes a named shape asymmetric: the transition runs over [−alpha, beta].
        beta: Half-width (or scale) of the transition.
        g_minus: Slope far left; makes a named shape leaky.
        g_plus: Slope far right; likewise.
        values: More parameters to fix, by name.
        assume: Assumptions on parameters, e.g. ``["beta < 4", "g_minus <= g_plus"]``.
        name: Name of the result.

    Raises:
        UsageError: If not exactly one of gradient, kernel and knots is given, or one is wrong.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.derive("piecewise-linear").recognised[0]
        'smelu'
    """
    from rescu_cli.core.assume import read_assumptions
    from rescu_cli.core.derive import derive as integrate
    from rescu_cli.core.symbols import exact

    if sum(source is not None for source in (gradient, kernel, knots)) != 1:
        raise UsageError(
            "Give exactly one of a gradient, a kernel and knots; e.g. "
            "rescu derive --gradient piecewise-linear."
        )
    known = read_assumptions(assume)
    settings = {"alpha": alpha, "beta": beta, "g_minus": g_minus, "g_plus": g_plus}
    given = {k: v for k, v in settings.items() if v is not None} | dict(values or {})
    if kernel is not None:
        if anchor is not None:
            raise UsageError("A kernel fixes the constant itself; drop --anchor.")
        from rescu_cli.core.kernel import smooth

        activation = smooth(kernel, resolve(base), name=name)
    else:
        if knots is not None:
            from rescu_cli.core.knots import knots_shape

            shape = knots_shape(knots, interpolation)
        else:
            shape = _gradient_shape(str(gradient), given, known)
        if anchor == "zero":
            # Which piece holds 0 can depend on the numbers, so they go in first. A width of 0 is
            # not a shape; bind() below turns it into the limit.
            early = {k: exact(v) for k, v in _numbers(shape, given).items()}
            shape = shape.bind({k: v for k, v in early.items() if v != 0})
        activation = integrate(shape, anchor=anchor, name=name)
    if assume:
        activation = _restricted(activation, known, assume)
    numbers = _numbers(activation, given)
    if "g_minus" in given and "g_plus" not in given and has_parameter(activation, "g_plus"):
        numbers.setdefault("g_plus", 1)
    if "g_plus" in given and "g_minus" not in given and has_parameter(activation, "g_minus"):
        numbers.setdefault("g_minus", 0)
    activation = activation.bind(numbers)
    result = Derivation(activation, activation.remarks)
    return _named(result) if name is None else result


def _gradient_shape(text: str, given: Mapping[str, Any], known: Assumptions) -> GradientShape:
    from rescu_cli.certify.switches import sign_changes
    from rescu_cli.core.expression import expression_shape
    from rescu_cli.core.profiles import KERNELS, SHAPES
    from rescu_cli.core.shape import named_shape
    from rescu_cli.errors import UnknownNameError

    key = text.strip()
    if key in SHAPES or key.startswith("smoothstep:"):
        return named_shape(
            key, asymmetric="alpha" in given, leaky=bool({"g_minus", "g_plus"} & set(given))
        )
    if key in KERNELS:
        raise UsageError(f"{key!r} names a kernel; use --kernel {key}.")
    if key and key.replace("-", "").isalpha() and "-" in key:
        raise UnknownNameError("gradient shape", key[:60], [*SHAPES, "smoothstep:n"])
    if key.isidentifier() and key != "x" and key not in known.domains and len(key) > 2:
        raise UnknownNameError("gradient shape", key[:60], [*SHAPES, "smoothstep:n"])
    return expression_shape(text, known, sign_changes)


def _restricted(activation: Activation, known: Assumptions, texts: Sequence[str]) -> Activation:
    """The activation with the parameters that ``texts`` speak of narrowed to ``known``."""
    import re

    from rescu_cli.core.assumptions import Assumptions
    from rescu_cli.core.restrict import restrict

    spoken = {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}
    unknown = sorted(spoken - {p.name for p in activation.parameters})
    if unknown:
        have = ", ".join(p.name for p in activation.parameters) or "no parameters"
        raise UsageError(f"--assume speaks of {unknown[0]!r}, but the activation has {have}.")
    domains = {n: d for n, d in known.domains.items() if n in spoken}
    return restrict(activation, Assumptions(domains, known.relations))


def _numbers(owner: Activation | GradientShape, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are numbers; a parameter's own name leaves it symbolic."""
    from rescu_cli.core.parse import parse_number

    numbers: dict[str, Any] = {}
    for key, value in given.items():
        owner.parameter(key)  # refuses unknown names
        if isinstance(value, str) and value.strip() == key:
            continue
        numbers[key] = parse_number(value) if isinstance(value, str) else value
    return numbers


def _named(result: Derivation) -> Derivation:
    """Call a derived function by its catalogue name, with what the catalogue says of it."""
    from dataclasses import replace

    from rescu_cli import catalogue

    exact_names = [s for s in result.recognised if ":" not in s]
    act = result.activation
    if not act.closed_form or not result.recognised:
        return result
    known = catalogue.get(result.recognised[0].partition(":")[0])
    notes = (*_identities(result), *known.remarks)
    if exact_names:
        known = catalogue.get(exact_names[0])
        act = replace(
            act, name=known.name, source=known.source, summary=known.summary,
            remarks=known.remarks, scaling=known.scaling, forms=act.forms or known.forms,
        )  # fmt: skip
        notes = (*_identities(result), *known.remarks)
    named = Derivation(act, tuple(dict.fromkeys(notes)))
    named.__dict__["recognised"] = result.recognised  # the same function: no need to look again
    return named


def _identities(result: Derivation) -> tuple[str, ...]:
    return tuple(f"this is {spec}" for spec in result.recognised)
