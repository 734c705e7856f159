"""`Activation`: an exact piecewise function with its parameters, ties and provenance."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from keyword import iskeyword
from typing import Any, Literal, TypeAlias

import sympy as sp

from rescu_cli.core.assumptions import Assumptions, Relation
from rescu_cli.core.symbols import Domain, Parameter, X, exact, require_prose, spell
from rescu_cli.errors import ParameterError, UnsupportedError, UsageError

Owner = Literal["left", "right"]
Number: TypeAlias = sp.Expr | int | float | str | Fraction
SCHEMA = 1


@dataclass(frozen=True)
class Source:
    """Where a formula is from.

    Args:
        key: Short citation key, e.g. ``shamir2020``.
        text: Author, title, identifier.
        equation: Equation or section, '' if none.
        url: Identifier that can be opened, '' if none.
    """

    key: str
    text: str
    equation: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        require_prose("source", self.key, self.text, self.equation, self.url)

    def __str__(self) -> str:
        return f"{self.text}{', ' + self.equation if self.equation else ''}"


@dataclass(frozen=True)
class Piece:
    """One closed-form stretch ``lower <= x <= upper`` (ends owned per the activation's ties).

    Raises:
        UsageError: If a part is not a SymPy expression; text is read by `core.parse`, never here.
    """

    lower: sp.Expr
    upper: sp.Expr
    value: sp.Expr
    gradient: sp.Expr

    def __post_init__(self) -> None:
        for name in ("lower", "upper", "value", "gradient"):
            part = getattr(self, name)
            if isinstance(part, int):
                object.__setattr__(self, name, sp.Integer(part))
            elif not isinstance(part, sp.Expr):
                raise UsageError(
                    f"The {name} of a piece is a SymPy expression; found {part!r:.60}, a "
                    f"{type(part).__name__}."
                )


@dataclass(frozen=True)
class Kink:
    """The (leaky) ReLU that an activation rounds off.

    base(x) = offset + slope_left·(x − at) for x < at, offset + slope_right·(x − at) otherwise.
    """

    slope_left: sp.Expr
    slope_right: sp.Expr
    at: sp.Expr = sp.S.Zero
    offset: sp.Expr = sp.S.Zero


@dataclass(frozen=True)
class Surrogate:
    """Says that the stated gradient is, on purpose, not the derivative of the value.

    The value is the base's; the stated gradient at x is the base's gradient at x + shift, which is
    what training passes backward.

    Args:
        base: Name of the function that the value is.
        shift: How far below a threshold of the base gradient still passes.
    """

    base: str
    shift: sp.Expr


@dataclass(frozen=True)
class Forms:
    """The same value and gradient in branch-free arithmetic that does not overflow or cancel.

    Vocabulary: + − · /, integer powers, Abs, Max, Min, sqrt, exp, expm1, log, log1p, sigmoid,
    tanh, erf, erfc, sin, cos, atan. ``rescu_cli.export`` lowers these where they exist.
    """

    value: sp.Expr
    gradient: sp.Expr


@dataclass(frozen=True)
class Limit:
    """What the activation becomes at boundary values where its formula divides by zero.

    Args:
        at: Parameter values, e.g. ``(("beta", 0),)``.
        activation: The limit function.
    """

    at: tuple[tuple[str, sp.Expr], ...]
    activation: Activation


@dataclass(frozen=True)
class Activation:
    """A real function given by exact pieces.

    f(x) = pieces[i].value for breakpoints[i−1] < x < breakpoints[i]. At a breakpoint the piece
    named by ``owners`` answers, for the value and for the gradient. f(NaN) = NaN and f(±inf) is
    the limit.

    Args:
        name: Catalogue or user name.
        parameters: Bound and free parameters.
        pieces: From left to right, covering the real line.
        owners: For each breakpoint, which neighbouring piece owns it.
        relations: Linear relations assumed between parameters.
        anchor: How the constant of integration was fixed; None if the value was given.
        summary: One line for tables.
        source: Citation.
        kink: The (leaky) ReLU it approximates, if any.
        scaling: Parameters that scale with x in f_{cβ}(cx) = c·f_β(x): (name, degree in c).
        forms: Numerically safe formulas, if known.
        limits: Limit functions at boundary parameter values.
        remarks: Facts that a user of the function should see, e.g. other names.
        surrogate: Set if the stated gradient is meant to differ from the derivative of the value;
            where it does, see `rescu_cli.core.surrogate`.

    Raises:
        UsageError: If the pieces do not tile the line in a provable order, or use unknown symbols.
    """

    name: str
    parameters: tuple[Parameter, ...]
    pieces: tuple[Piece, ...]
    owners: tuple[Owner, ...] = ()
    relations: tuple[Relation, ...] = ()
    anchor: str | None = None
    summary: str = ""
    source: Source | None = None
    kink: Kink | None = None
    scaling: tuple[tuple[str, int], ...] = ()
    forms: Forms | None = None
    limits: tuple[Limit, ...] = ()
    remarks: tuple[str, ...] = ()
    surrogate: Surrogate | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.name):
            raise UsageError(
                f"Activation name {self.name[:40]!r} is not an identifier; use letters, digits "
                "and underscores, e.g. 'my_act'."
            )
        if iskeyword(self.name):
            raise UsageError(f"{self.name!r} is a keyword of Python; choose another name.")
        require_prose("summary", self.summary)
        require_prose("remark", *self.remarks)
        require_prose("anchor", self.anchor or "")
        if self.surrogate is not None:
            require_prose("base of the surrogate gradient", self.surrogate.base)
        _check_tiling(self)

    # -- facts ------------------------------------------------------------------------------

    @property
    def breakpoints(self) -> tuple[sp.Expr, ...]:
        """The joints between pieces, ascending."""
        return tuple(p.upper for p in self.pieces[:-1])

    @property
    def free_parameters(self) -> tuple[Parameter, ...]:
        """The parameters without a value."""
        return tuple(p for p in self.parameters if p.value is None)

    @property
    def assumptions(self) -> Assumptions:
        """What is known about the free parameters."""
        return Assumptions.of(self.parameters, self.relations)

    @property
    def closed_form(self) -> bool:
        """Whether every piece is an elementary expression (no integral left)."""
        return not any(p.value.has(sp.Integral) for p in self.pieces)

    @cached_property
    def value(self) -> sp.Expr:
        """F as one SymPy expression (a Piecewise when there are joints)."""
        return self._assemble([p.value for p in self.pieces])

    @cached_property
    def gradient(self) -> sp.Expr:
        """f′ as one SymPy expression; at a jump, the owner's side."""
        return self._assemble([p.gradient for p in self.pieces])

    def _assemble(self, parts: list[sp.Expr]) -> sp.Expr:
        if len(parts) == 1:
            return parts[0]
        branches: list[tuple[sp.Expr, Any]] = []
        for part, end, owner in zip(parts, self.breakpoints, self.owners, strict=False):
            branches.append((part, sp.Le(X, end) if owner == "left" else sp.Lt(X, end)))
        branches.append((parts[-1], True))
        return sp.Piecewise(*branches, evaluate=False)

    @cached_property
    def spec(self) -> str:
        """Name with bound parameters, as typed on the command line: ``smelu:beta=0.5``."""
        bound = [f"{p.name}={_short(p.value)}" for p in self.parameters if p.value is not None]
        return self.name + (":" + ",".join(bound) if bound else "")

    @cached_property
    def slug(self) -> str:
        """``spec`` as a file name; a digest is added where characters had to go."""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.spec)
        lossy = re.search(r"[^A-Za-z0-9_.:,=-]", self.spec) or len(slug) > 80
        return f"{slug[:80]}-{self.digest[:8]}" if lossy else slug

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the mathematics: pieces, ties, parameters and assumptions; not the prose."""
        from rescu_cli.core.parse import canonical_text  # reason: parse builds on this module

        names = {p.name: p.symbol for p in self.free_parameters} | {"x": X}
        data = self.to_dict()
        kept = {
            "pieces": [{k: canonical_text(e, names) for k, e in p.items()} for p in data["pieces"]],
            "owners": data["owners"],
            "relations": data["relations"],
            "parameters": [
                {k: p[k] for k in ("name", "domain", "value")} for p in data["parameters"]
            ],
        }
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()

    @cached_property
    def init_gain(self) -> float | None:
        """Variance-preserving gain (E f(z)²)^(−1/2), z ~ N(0, 1); None with free parameters."""
        if self.free_parameters:
            return None
        from rescu_cli.core.gain import init_gain  # reason: gain needs the reference, and it us

        return init_gain(self)

    # -- binding ----------------------------------------------------------------------------

    def parameter(self, name: str) -> Parameter:
        """The parameter called ``name``.

        Raises:
            ParameterError: If there is none.
        """
        return find_parameter(self.name, self.parameters, name)

    def bind(self, values: Mapping[str, Number] | None = None, **named: Number) -> Activation:
        """The activation with some parameters fixed to exact numbers.

        A float stands for its shortest decimal. At a boundary value listed in ``limits`` the
        limit function is returned under this name, e.g. SmeLU at ``beta=0`` is ReLU.

        Raises:
            ParameterError: Unknown name, already bound, or outside the domain.
        """
        wanted = {k: exact(v) for k, v in {**(values or {}), **named}.items()}
        for name in wanted:
            bound = self.parameter(name).value
            if bound is not None and bound != wanted[name]:
                raise ParameterError(f"{self.name}: {name} is already fixed to {bound}.")
        wanted = {k: v for k, v in wanted.items() if self.parameter(k).value is None}
        if not wanted:
            return self
        limit = next((m for m in self.limits if all(wanted.get(k) == v for k, v in m.at)), None)
        if limit is not None:
            return self._at_limit(limit, wanted)
        for name, value in wanted.items():
            domain = self.parameter(name).domain
            if not domain.contains(value):
                raise ParameterError(
                    f"{self.name} needs {domain.describe(name)}; found {name}={_short(value)}."
                )
        substitution = {self.parameter(k).symbol: v for k, v in wanted.items()}
        return self._substituted(substitution, wanted)

    def with_defaults(self) -> Activation:
        """The activation with every free parameter bound to its documented default.

        Raises:
            ParameterError: If a free parameter has no default.
        """
        missing = [p.name for p in self.free_parameters if p.default is None]
        if missing:
            raise ParameterError(
                f"{self.name} needs a number for {', '.join(missing)}; "
                f"give it as {self.name}:{missing[0]}=1."
            )
        return self.bind({p.name: p.default for p in self.free_parameters if p.default is not None})

    def _at_limit(self, limit: Limit, wanted: dict[str, sp.Expr]) -> Activation:
        fixed = dict(limit.at)
        rest = {k: v for k, v in wanted.items() if k not in fixed}
        target = limit.activation
        rest_there = {k: v for k, v in rest.items() if any(p.name == k for p in target.parameters)}
        inner = target.bind(rest_there)
        inner_by_name = {p.name: p for p in inner.parameters}
        parameters = tuple(
            replace(p, value=wanted[p.name]) if p.name in wanted else inner_by_name.get(p.name, p)
            for p in self.parameters
        )
        return replace(inner, name=self.name, parameters=parameters, source=self.source,
                       summary=self.summary)  # fmt: skip

    def _substituted(
        self, substitution: dict[sp.Symbol, sp.Expr], values: dict[str, sp.Expr]
    ) -> Activation:
        def sub(e: sp.Expr) -> sp.Expr:
            return sp.sympify(e, strict=True).subs(substitution, simultaneous=True)

        relations = tuple(Relation(sub(r.expr), r.strict) for r in self.relations)
        for before, after in zip(self.relations, relations, strict=True):
            if after.expr.is_number and not (
                after.expr > 0 or (not after.strict and after.expr == 0)
            ):
                shown = ", ".join(f"{k}={_short(v)}" for k, v in values.items())
                raise ParameterError(f"{self.name} needs {before}; found {shown}.")
        kink = self.kink and Kink(*(sub(getattr(self.kink, k)) for k in _KINK))
        forms = self.forms and Forms(sub(self.forms.value), sub(self.forms.gradient))
        backward = self.surrogate and replace(self.surrogate, shift=sub(self.surrogate.shift))
        limits = tuple(
            Limit(m.at, m.activation.bind({k: v for k, v in values.items()
                                           if _has_free(m.activation, k)}))
            for m in self.limits
            if not any(k in values for k, _ in m.at)
        )  # fmt: skip
        return replace(
            self,
            parameters=tuple(
                replace(p, value=values[p.name]) if p.name in values else p for p in self.parameters
            ),
            pieces=tuple(
                Piece(sub(p.lower), sub(p.upper), sub(p.value), sub(p.gradient))
                for p in self.pieces
            ),
            relations=tuple(r for r in relations if not r.expr.is_number),
            kink=kink,
            forms=forms,
            limits=limits,
            surrogate=backward,
        )

    # -- data -------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Plain data: expressions as SymPy strings. Inverse of :meth:`from_dict`."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "parameters": [p.to_dict() for p in self.parameters],
            "pieces": [
                {"from": str(p.lower), "to": str(p.upper),
                 "value": spell(p.value), "gradient": spell(p.gradient)}
                for p in self.pieces
            ],
            "owners": list(self.owners),
            "relations": [{"expr": str(r.expr), "strict": r.strict} for r in self.relations],
            "anchor": self.anchor,
            "summary": self.summary,
            "source": None if self.source is None else vars(self.source).copy(),
            "kink": self.kink and {k: str(getattr(self.kink, k)) for k in _KINK},
            "scaling": [list(s) for s in self.scaling],
            "forms": self.forms and {"value": str(self.forms.value),
                                     "gradient": str(self.forms.gradient)},
            "limits": [
                {"at": {k: str(v) for k, v in m.at}, "activation": m.activation.to_dict()}
                for m in self.limits
            ],
            "remarks": list(self.remarks),
            "surrogate": self.surrogate and {"base": self.surrogate.base,
                                             "shift": str(self.surrogate.shift)},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Activation:
        """Rebuild from :meth:`to_dict`; expressions go through the safe parser.

        Raises:
            UsageError: If a field is missing or of the wrong kind, or an expression is not in
                the grammar.
        """
        try:
            return _from_dict(cls, data)
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"Not an activation: field {error} is missing or of the wrong kind. "
                "Write one with: rescu derive --gradient ... --out shape.json"
            ) from error


_KINK = ("slope_left", "slope_right", "at", "offset")


def _from_dict(cls: type[Activation], data: Mapping[str, Any]) -> Activation:
    from rescu_cli.core.parse import parse_exact  # reason: parse builds on symbols of this module

    if data["schema"] != SCHEMA:
        raise UnsupportedError(
            f"The activation has schema {data['schema']!r}; this version reads {SCHEMA}."
        )
    parameters = tuple(
        Parameter(
            p["name"],
            Domain.from_dict(p["domain"]),
            p["meaning"],
            None if p["default"] is None else parse_exact(p["default"], {}),
            None if p["value"] is None else parse_exact(p["value"], {}),
        )
        for p in data["parameters"]
    )
    names = {p.name: p.symbol for p in parameters if p.value is None} | {"x": X}

    def read(text: str) -> sp.Expr:
        return parse_exact(text, names)

    return cls(
        name=data["name"],
        parameters=parameters,
        pieces=tuple(
            Piece(read(p["from"]), read(p["to"]), read(p["value"]), read(p["gradient"]))
            for p in data["pieces"]
        ),
        owners=tuple(data["owners"]),
        relations=tuple(Relation(read(r["expr"]), bool(r["strict"])) for r in data["relations"]),
        anchor=data["anchor"],
        summary=data["summary"],
        source=data["source"] and Source(**data["source"]),
        kink=data["kink"] and Kink(*(read(data["kink"][k]) for k in _KINK)),
        scaling=tuple((str(n), int(d)) for n, d in data["scaling"]),
        forms=data["forms"]
        and Forms(read(data["forms"]["value"]), read(data["forms"]["gradient"])),
        limits=tuple(
            Limit(
                tuple((k, parse_exact(v, {})) for k, v in m["at"].items()),
                _from_dict(cls, m["activation"]),
            )
            for m in data["limits"]
        ),
        remarks=tuple(data["remarks"]),
        surrogate=(backward := data.get("surrogate"))  # files from before it existed lack it
        and Surrogate(str(backward["base"]), read(backward["shift"])),
    )


def find_parameter(owner: str, parameters: tuple[Parameter, ...], name: str) -> Parameter:
    """The parameter called ``name`` among those of ``owner``.

    Raises:
        ParameterError: If there is none.
    """
    for p in parameters:
        if p.name == name:
            return p
    known = ", ".join(f"{p.name!r}" for p in parameters) or "none"
    raise ParameterError(f"{owner} has no parameter {name!r}; it has: {known}.")


def left_owned(n_joints: int) -> tuple[Owner, ...]:
    """The tie rule of this package where nothing else is said: the left piece owns the joint."""
    owner: Owner = "left"
    return (owner,) * n_joints


def _has_free(activation: Activation, name: str) -> bool:
    return any(p.name == name and p.value is None for p in activation.parameters)


def _short(value: sp.Expr | None) -> str:
    """A decimal where it is exact and short, otherwise the exact expression."""
    if value is None:
        return "?"
    if isinstance(value, sp.Rational) and value.q != 1:
        decimal = repr(float(value))
        if exact(decimal) == value:
            return decimal
    return str(value).replace(" ", "")


def _check_tiling(activation: Activation) -> None:
    pieces, owners = activation.pieces, activation.owners
    if not pieces:
        raise UsageError(f"{activation.name} has no pieces; give at least one.")
    if pieces[0].lower != sp.S.NegativeInfinity or pieces[-1].upper != sp.S.Infinity:
        raise UsageError(
            f"The pieces of {activation.name} cover {pieces[0].lower}..{pieces[-1].upper}; "
            "they must cover -oo..oo."
        )
    if len(owners) != len(pieces) - 1 or any(o not in ("left", "right") for o in owners):
        raise UsageError(
            f"{activation.name} has {len(pieces) - 1} joints but owners {owners!r}; "
            "give 'left' or 'right' for each."
        )
    allowed = {p.symbol for p in activation.free_parameters} | {X}
    for piece in pieces:
        used = piece.value.free_symbols | piece.gradient.free_symbols
        unknown = (used - allowed) | (
            (
                sp.sympify(piece.lower, strict=True).free_symbols
                | sp.sympify(piece.upper, strict=True).free_symbols
            )
            - (allowed - {X})
        )
        if unknown:
            raise UsageError(
                f"{activation.name} uses {', '.join(sorted(map(str, unknown)))}, which is neither "
                "x nor one of its free parameters."
            )
    for left, right in itertools.pairwise(pieces):
        if left.upper != right.lower:
            raise UsageError(
                f"The pieces of {activation.name} leave a gap between {left.upper} and "
                f"{right.lower}; each must begin where the last one ends."
            )
    require_ascending(activation.breakpoints, activation.assumptions)


def require_ascending(points: tuple[sp.Expr, ...], assumptions: Assumptions) -> None:
    """Check that ``points`` strictly ascend for all admissible parameters.

    Raises:
        UsageError: If they do not, or if it does not follow from the assumptions.
    """
    for a, b in itertools.pairwise(points):
        sign = assumptions.sign(b - a)
        if sign != "+":
            known = assumptions.describe() or "no assumptions"
            verdict = "does not follow" if sign in (None, ">=") else "is false"
            raise UsageError(
                f"Breakpoints must ascend, but {a} < {b} {verdict} from: {known}. "
                f'Add what makes it true, e.g. --assume "{a} < {b}".'
            )
