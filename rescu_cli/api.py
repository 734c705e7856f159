"""What a notebook user calls: each function is one command of the program.

``rescu plot`` is `draw` and ``rescu export`` is `generate` here, because the packages that do the
work are called ``rescu_cli.plot`` and ``rescu_cli.export``.

Everything heavy is imported where it is used, so that importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.audit import AuditReport
    from rescu_cli.certify import Certificate, Claim
    from rescu_cli.certify.recheck import Recheck
    from rescu_cli.core.activation import Activation
    from rescu_cli.core.assumptions import Assumptions
    from rescu_cli.core.shape import GradientShape
    from rescu_cli.experiment import Report
    from rescu_cli.export import Artifact
    from rescu_cli.export.machine import MachineReport

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
    if "g_minus" in given and "g_plus" not in given and _has(activation, "g_plus"):
        numbers.setdefault("g_plus", 1)
    if "g_plus" in given and "g_minus" not in given and _has(activation, "g_minus"):
        numbers.setdefault("g_minus", 0)
    activation = activation.bind(numbers)
    result = Derivation(activation, activation.remarks)
    return _named(result) if name is None else result


def _gradient_shape(text: str, given: Mapping[str, Any], known: Assumptions) -> GradientShape:
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
    return expression_shape(text, known)


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


def _has(activation: Activation, name: str) -> bool:
    return any(p.name == name for p in activation.parameters)


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


def resolve(text: str, overrides: Mapping[str, Any] | None = None) -> Activation:
    """``NAME[:param=value…]`` or a ``.json`` file as an activation, symbolic where left open.

    Args:
        text: e.g. ``smelu:beta=0.5``.
        overrides: Values for parameters that are still free and exist on this activation.
    """
    from rescu_cli import catalogue

    activation = catalogue.resolve(text)
    free = {p.name for p in activation.free_parameters}
    return activation.bind({k: v for k, v in (overrides or {}).items() if k in free})


def resolve_all(
    texts: Iterable[str], overrides: Mapping[str, Any] | None = None
) -> list[Activation]:
    """Several activations; an override must fit at least one of them.

    Raises:
        ParameterError: If no named activation has an overridden parameter.
    """
    from rescu_cli import catalogue
    from rescu_cli.errors import ParameterError

    texts = list(texts)
    bare = [catalogue.resolve(t) for t in texts]
    for key in overrides or {}:
        if not any(_has(a, key) for a in bare):
            listed = ", ".join(
                f"{a.name} ({', '.join(p.name for p in a.parameters) or 'no parameters'})"
                for a in bare
            )
            raise ParameterError(
                f"None of the named activations has a parameter {key!r}: {listed}."
            )
    return [resolve(t, overrides) for t in texts]


def show(text: str, overrides: Mapping[str, Any] | None = None) -> Derivation:
    """The property card of an activation, symbolic where parameters are left open.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.show("relu").activation.summary
        'max(x, 0)'
    """
    (activation,) = resolve_all([text], overrides)
    return Derivation(activation, activation.remarks)


def catalogue_rows() -> list[dict[str, Any]]:
    """One row per catalogue activation: formula, smoothness class, monotone, convex, source."""
    from rescu_cli import catalogue
    from rescu_cli.certify import certify

    rows = []
    for name in catalogue.names():
        activation = catalogue.get(name)
        found = {c.claim: c for c in certify(activation, ["smooth", "monotone", "convex"]).claims}
        rows.append(
            {
                "name": name,
                "aliases": _aliases(name),
                "summary": activation.summary,
                "parameters": [p.name for p in activation.parameters],
                "smooth": found["smooth"].to_dict(),
                "monotone": found["monotone"].to_dict(),
                "convex": found["convex"].to_dict(),
                "holds_at_default": _holding_at_default(activation, found),
                "source": str(activation.source),
                "citation": _citation(activation),
            }
        )
    return rows


def _holding_at_default(activation: Activation, found: Mapping[str, Claim]) -> list[str]:
    """Claims that fail for some parameters but are proved at the default ones."""
    from rescu_cli.certify import Verdict, certify

    refuted = [name for name, claim in found.items() if claim.status is Verdict.REFUTED]
    if not refuted or not activation.free_parameters:
        return []
    at_default = certify(activation.with_defaults(), refuted)
    return [c.claim for c in at_default.claims if c.status is Verdict.PROVED]


def _citation(activation: Activation) -> str:
    source = activation.source
    if source is None:
        return ""
    return source.key + (f", {source.equation}" if source.equation else "")


def _aliases(name: str) -> list[str]:
    from rescu_cli.catalogue.table import TABLE

    return list(TABLE[name].aliases)


def verify(
    text: str,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    evidence: bool = False,
) -> Certificate:
    """Decide every claim about an activation.

    Args:
        text: The activation.
        require: Claims that must exist; what became of them is for the caller to judge.
        overrides: Values of parameters.
        evidence: Add to each claim what `recheck` needs to replay it.

    Raises:
        UnknownNameError: If a required claim does not exist.
    """
    from rescu_cli.certify import CLAIMS, certify
    from rescu_cli.errors import UnknownNameError

    for claim in require:
        if claim not in CLAIMS:
            raise UnknownNameError("claim", claim, list(CLAIMS))
    (activation,) = resolve_all([text], overrides)
    return certify(activation, evidence=evidence)


def recheck(
    text: str,
    path: str | Path,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Recheck:
    """Replay the evidence of a certificate, without searching.

    Args:
        text: The activation that it must be about.
        path: The certificate, written by ``rescu verify ACT --out``.
        require: Claims that the certificate must speak of.
        overrides: Values of parameters.

    Raises:
        DisagreementError: If it was edited, or is about another function.
        StoreError: If the file cannot be read.
        UsageError: If it is no certificate, carries no evidence, or does not speak of a
            required claim.
    """
    from rescu_cli.certify import Certificate
    from rescu_cli.certify.recheck import recheck as replay
    from rescu_cli.core.files import read_json
    from rescu_cli.errors import UnknownNameError

    (activation,) = resolve_all([text], overrides)
    certificate = Certificate.from_dict(read_json(Path(path)))
    known = [c.claim for c in certificate.claims]
    for claim in require:
        if claim not in known:
            raise UnknownNameError("claim of the certificate", claim, known)
    return replay(certificate, activation)


def examine(
    callable_text: str,
    against: str | None = None,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Audit foreign code: is ``path.py:name`` the function it claims to be? This runs the file.

    Args:
        callable_text: ``path.py:name``; a torch, JAX, NumPy or plain Python callable.
        against: The activation it claims to be; without one, what it computes is looked for.
        require: Claims; a black box can be refuted or stay undecided, never proved.
        overrides: Values for parameters of the activation, or else of the callable.

    Raises:
        UnknownNameError: If a required claim or the activation does not exist.
        CallableError: If the callable cannot be audited, see `rescu_cli.audit.errors`.
    """
    from rescu_cli.audit import audit as run
    from rescu_cli.certify.table import CLAIMS
    from rescu_cli.core.parse import parse_number
    from rescu_cli.errors import UnknownNameError

    for claim in require:
        if claim not in CLAIMS:
            raise UnknownNameError("claim", claim, list(CLAIMS))
    given = dict(overrides or {})
    activation = None
    if against is not None:
        activation = resolve(against)
        known = {k: v for k, v in given.items() if _has(activation, k)}
        activation = resolve(against, known)
        given = {k: v for k, v in given.items() if k not in known}
    numbers = {k: float(parse_number(str(v))) for k, v in given.items()}
    return run(callable_text, activation, require=require, values=numbers)


audit = examine
"""`examine` under the name of its package; `rescu_cli.audit` is that package."""


def check_floats(
    text: str,
    kind: str,
    overrides: Mapping[str, Any] | None = None,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    target: str = "torch",
) -> MachineReport:
    """Run the exported code at every float of a format and compare it with the exact function.

    Args:
        text: An activation; parameters left open take their documented defaults.
        kind: float16, bfloat16 or float32: every input. float64: edges and a seeded sample.
        overrides: Values for parameters that are still free.
        out: Where the report will go; beside it, ``out`` + ``.partial`` keeps unfinished work of
            float32, and the same call goes on from it. This function does not write ``out``.
        progress: Called with (inputs done, inputs in all).
        target: Whose code runs: torch or numpy.

    Raises:
        UnknownNameError: If there is no such format or target.
        StoreError: If the ``.partial`` file belongs to another check.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.check_floats("relu", "float16").quantities["value"].worst.ulps
        0.0
    """
    from dataclasses import replace

    from rescu_cli.certify import Verdict, certify
    from rescu_cli.core.edges import float_format
    from rescu_cli.export import emit
    from rescu_cli.export.machine import Monotone, check_machine, held

    (activation,) = resolve_all([text], overrides)
    found = float_format(kind)  # refuses unknown names before anything is generated
    artifact = emit(activation.with_defaults(), target)
    truth, _, _ = held(artifact, found)
    inf = float("inf")
    proved = {
        c.claim for c in certify(truth, ["monotone", "convex"]).claims
        if c.status is Verdict.PROVED
    }  # fmt: skip
    known: dict[str, Monotone] = {
        "monotone": [("value", -inf, inf, 1)],
        "convex": [("gradient", -inf, inf, 1)],
    }
    monotone = [m for claim, rows in known.items() if claim in proved for m in rows]
    state = None
    if out is not None and found.name == "float32":
        state = out.with_name(out.name + ".partial")
    report = check_machine(artifact, kind, monotone, state=state, progress=progress)
    if not activation.free_parameters:
        return report
    taken = ", ".join(f"{p.name}={p.default}" for p in activation.free_parameters)
    note = f"Free parameters at their documented defaults: {taken}."
    return replace(report, notes=(note, *report.notes))


def generate(
    text: str,
    to: str = "torch",
    *,
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Artifact:
    """Code for one target; parameters left open take their documented defaults.

    Example:
        >>> import rescu_cli as rescu
        >>> print(rescu.generate("relu", "latex").text.splitlines()[0][:1])
        %
    """
    from rescu_cli.export import emit

    (activation,) = resolve_all([text], overrides)
    return emit(activation, to, name)


def draw(
    texts: Sequence[str],
    *,
    derivatives: int = 1,
    x_range: tuple[float, float] | None = None,
    sweep: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Figure:
    """Functions and their derivatives on aligned panels.

    Example:
        >>> import rescu_cli as rescu
        >>> len(rescu.draw(["smelu:beta=2"]).axes)
        2
    """
    from rescu_cli.plot import parse_sweep, plot_activations, plot_sweep

    activations = resolve_all(texts, overrides)
    if sweep is None:
        ready = [a.with_defaults() for a in activations]
        return plot_activations(ready, derivatives=derivatives, x_range=x_range)
    if len(activations) != 1:
        raise UsageError(
            f"--sweep draws one activation over a parameter; found {len(activations)} activations."
        )
    plan = parse_sweep(sweep)
    (activation,) = activations
    return plot_sweep(
        activation, plan.parameter, plan.values, geometric=plan.geometric,
        derivatives=derivatives, x_range=x_range,
    )  # fmt: skip


def compare(
    activations: Sequence[str], *, overrides: Mapping[str, Any] | None = None, **options: Any
) -> Report:
    """Train every activation with the same seeds; measure accuracy and prediction difference.

    The run directory also receives the accuracy–PD figure and ``report.html``.

    Args:
        activations: As typed on the command line.
        overrides: Values for parameters that are still free, by name.
        options: Those of `rescu_cli.experiment.compare`: data, model, seeds, epochs, lr, …

    Example:
        >>> import rescu_cli as rescu
        >>> report = rescu.compare(["relu", "smelu"], seeds=3, epochs=1)
        >>> report.n_models
        6
    """
    from rescu_cli.experiment import compare as run

    report = run(resolve_all(activations, overrides), **options)
    _save_page(report)
    return report


def _save_page(report: Report) -> None:
    """Figures and report.html beside the run's data."""
    from rescu_cli import __version__
    from rescu_cli.core.files import write_atomically
    from rescu_cli.experiment.page import render_page
    from rescu_cli.plot import figure_bytes, plot_tradeoff

    result = report.to_dict()
    drawings = []
    if all(r["pd"]["pd_l1"]["value"] is not None for r in result["activations"]):
        figure = plot_tradeoff(result["activations"])
        for ending in ("png", "svg"):
            drawing = figure_bytes(figure, ending)
            write_atomically(report.run_dir / f"tradeoff.{ending}", drawing)
        drawings.append(drawing.decode())
    page = render_page(result, __version__, drawings)
    write_atomically(report.run_dir / "report.html", page)


def prediction_difference(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Every prediction-difference metric of prediction files, with intervals over models."""
    from rescu_cli.experiment import prediction_difference as measure

    return measure(paths)
