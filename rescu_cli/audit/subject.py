"""`Subject`: a foreign callable that answers arrays of float64, whatever it was written for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.adaptor import AbstractFramework, Layout
from rescu_cli.audit.bind import Bound
from rescu_cli.audit.errors import CallableError, CutOffError, DtypeError, RaisesError, ShapeError
from rescu_cli.audit.frameworks import FRAMEWORKS
from rescu_cli.audit.guard import describe, quietly
from rescu_cli.audit.origin import frameworks_used

Array = npt.NDArray[np.float64]
_PROBE = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Subject:
    """The callable under audit.

    Args:
        bound: The callable with its parameters.
        framework: How to talk to it.
        formats: Formats that it answers in.
        one_by_one: Whether it can only be asked about one number at a time.
        refused: Formats that it does not take, with the reason.
        widened: Formats that it answers in another dtype.
        batch_error: What it raises on more than one number, if ``one_by_one``.
    """

    bound: Bound
    framework: AbstractFramework
    formats: tuple[str, ...]
    one_by_one: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    widened: Mapping[str, str] = field(default_factory=dict)
    batch_error: str = ""

    @property
    def text(self) -> str:
        return self.bound.loaded.text

    @property
    def native(self) -> str:
        """The format in which shapes, batches and repeats are tried."""
        native = self.framework.native
        return native if native in self.formats else self.formats[-1]

    @property
    def finest(self) -> str:
        """The widest format it answers in."""
        return max(self.formats, key=_FLOATS.index)

    def value(self, points: Array, kind: str, layout: Layout = "contiguous") -> Array:
        """f at each point, in the points' order.

        Raises:
            RaisesError: If the callable raises.
            ShapeError: If the result has another shape, or is no array.
        """
        if self.one_by_one and points.size != 1:
            return _joined(lambda p: self.value(p, kind), points)
        x = self.framework.array(points, kind, layout)
        with quietly(), self._blamed():
            result = self.framework.function(kind)(x)
        found = self.framework.read(result)
        if found is None:
            raise DtypeError(
                f"{self.text} returns {_kind_of(result)}; it must return real numbers of the "
                f"kind it is given ({self.framework.name}, {kind})."
            )
        shape = getattr(x, "shape", points.shape)
        if found.shape != tuple(shape):
            raise ShapeError(
                f"{self.text} changes the shape: {tuple(shape)} in, {found.shape} out; an "
                "activation keeps it."
            )
        return found

    def gradient(self, points: Array, kind: str, layout: Layout = "contiguous") -> Array:
        """f′ at each point by the framework's differentiation.

        Raises:
            RaisesError: If differentiating raises.
        """
        if self.one_by_one and points.size != 1:
            return _joined(lambda p: self._gradient_alone(p, kind), points)
        x = self.framework.array(points, kind, layout)
        with quietly(), self._blamed():
            return self.framework.gradient(x, kind)

    def _gradient_alone(self, point: Array, kind: str) -> Array:
        """One number may meet a branch that returns a constant, which has slope 0."""
        try:
            return self.gradient(point, kind)
        except CutOffError:
            return np.zeros(1)

    def raw(self, x: Any, kind: str) -> Any:
        """The callable's own answer to an input made by the framework.

        Raises:
            RaisesError: If the callable raises.
        """
        with quietly(), self._blamed():
            return self.framework.function(kind)(x)

    def _blamed(self) -> _Blame:
        return _Blame(self)


class _Blame:
    """Turns whatever a callable raises into a `RaisesError` with file and line."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, CallableError):
            path = self._subject.bound.loaded.path
            raise RaisesError(f"{self._subject.text} raises {describe(error, path)}.") from error


def make_subject(bound: Bound) -> Subject:
    """Find out what a callable takes: which framework, which formats, arrays or single numbers.

    Frameworks that its code refers to are tried first, then NumPy, then plain numbers.

    Raises:
        RaisesError: If it raises whatever it is given.
        ShapeError: If it changes the shape.
        DtypeError: If it changes the dtype.
    """
    failures: list[str] = []
    for name in _order(bound):
        try:
            framework = FRAMEWORKS[name](bound)
        except ImportError:
            continue
        found = _tried(bound, framework, failures)
        if found is not None:
            return _with_formats(found)
    raise RaisesError(
        f"{bound.loaded.text} answers nothing that it is given; an activation takes arrays or "
        f"single numbers. Given {'; '.join(failures[:3])}."
    )


def _meant(bound: Bound) -> frozenset[str]:
    """Frameworks that the callable refers to; those of its file where it refers to none."""
    used = frameworks_used(bound.loaded.subject)
    return used or (bound.loaded.imports & {"torch", "jax", "numpy", "math"})


def _order(bound: Bound) -> list[str]:
    meant = _meant(bound)
    tensors = [n for n in ("torch", "jax") if n in meant]
    plain = ["python", "numpy"] if meant == {"math"} else ["numpy", "python"]
    # x.clamp(min=0) refers to nothing and still needs a tensor: torch comes last again.
    return [*tensors, *plain, *[n for n in ("torch",) if n not in tensors]]


def _tried(bound: Bound, framework: AbstractFramework, failures: list[str]) -> Subject | None:
    """A subject if ``framework`` suits; errors are noted, or raised where they are the answer."""
    subject = Subject(bound, framework, (framework.native,))
    meant = framework.name in _meant(bound)
    try:
        subject.value(_PROBE, framework.native)
    except RaisesError as error:
        what = str(error).removeprefix(f"{subject.text} raises ").rstrip(".")
        failures.append(f"{framework.name}: {what}")
        alone = replace(subject, one_by_one=True, batch_error=what)
        if framework.name == "python":
            return None
        try:
            alone.value(_PROBE, framework.native)
        except CallableError:
            return None
        # NumPy code for single numbers is plain Python code; a tensor is meant for many.
        return alone if framework.name in ("torch", "jax") and meant else None
    except (ShapeError, DtypeError) as error:
        failures.append(f"{framework.name}: {error}")
        if meant and not _scalar_code(bound):
            raise
        return None
    return subject


def _scalar_code(bound: Bound) -> bool:
    """Whether it answers a plain number with a plain number and is not meant for arrays."""
    plain = Subject(bound, FRAMEWORKS["python"](bound), ("float64",))
    try:
        plain.value(_PROBE, "float64")
    except CallableError:
        return False
    return True


def _with_formats(subject: Subject) -> Subject:
    """Try every format of the framework.

    Raises:
        DtypeError: If the native format comes back as another one.
    """
    framework = subject.framework
    formats, refused, widened = [], {}, {}
    for kind in framework.formats:
        try:
            subject.value(_PROBE[3:4] if subject.one_by_one else _PROBE, kind)
            one = _PROBE[3:4] if subject.one_by_one else _PROBE
            answer = framework.dtype(subject.raw(framework.array(one, kind), kind))
        except CallableError as error:
            if kind == framework.native:
                raise
            refused[kind] = str(error)
            continue
        if answer != kind and kind == framework.native:
            raise DtypeError(
                f"{subject.text} changes the dtype: {kind} in, {answer} out; an activation "
                "keeps it."
            )
        if answer not in _FLOATS:
            refused[kind] = f"{subject.text} answers {kind} with {answer}."
            continue
        formats.append(kind)
        if answer != kind:
            widened[kind] = answer
    return replace(subject, formats=tuple(formats), refused=refused, widened=widened)


def _joined(ask: Callable[[Array], Array], points: Array) -> Array:
    parts = [ask(points.ravel()[i : i + 1]) for i in range(points.size)]
    if not parts:
        return np.empty(points.shape)
    return np.concatenate([p.ravel() for p in parts]).reshape(points.shape)


def _kind_of(result: Any) -> str:
    if isinstance(result, list):
        return f"a {type(next((v for v in result if type(v) is not float), None)).__name__}"
    return f"a {type(result).__name__}"
