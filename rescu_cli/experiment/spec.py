"""`ExperimentSpec`: everything that determines an experiment; `Cell`: one training of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

from rescu_cli.errors import UnknownNameError, UnsupportedError, UsageError
from rescu_cli.experiment.data import DATASETS
from rescu_cli.experiment.draws import PURPOSES
from rescu_cli.experiment.models import MODELS

RECIPE = 1  # version of how a cell is trained; raised whenever a change moves its numbers
NORMS = ("none", "layer")
INITS = ("gain", "default")
DTYPES = ("float32", "float64")
DEVICES = ("cpu", "cuda")
DEFAULT_HIDDEN = (128, 64)
MAX_MODELS = 100_000

_LATER = {
    "tune": "A learning-rate search ('--tune') is not available yet; give one value with '--lr'.",
    "match": "Comparing at matched loss ('--match') is not available yet; loss is reported "
    "beside every prediction difference.",
    "split": "Varying the data split ('--vary split') is not available yet; available: "
    "init, order. All models are judged on the same test examples.",
    "batch": "Normalisation 'batch' is not available yet; available: none, layer.",
}


def refuse_unavailable(**asked: object) -> None:
    """Refuses options of the command line that this version does not carry out.

    Args:
        asked: Option name and value; None means that the option was not given.

    Raises:
        UnsupportedError: For the first option that was given; the text says what is available.
    """
    for name, value in asked.items():
        if value is not None:
            raise UnsupportedError(_LATER[name])


def hidden_sizes(width: int | None, depth: int | None) -> tuple[int, ...]:
    """Hidden widths from the options ``--width`` and ``--depth``.

    Neither: (128, 64). Otherwise ``depth`` layers (2 if not given) of ``width`` units (128).
    """
    if width is None and depth is None:
        return DEFAULT_HIDDEN
    n_layers = 2 if depth is None else depth
    if n_layers < 1 or n_layers > 64:
        raise UsageError(f"Depth {n_layers} is not possible; it must lie in 1 … 64.")
    return (128 if width is None else width,) * n_layers


@dataclass(frozen=True)
class ActivationKey:
    """What an experiment needs to know of an activation without its formula.

    Args:
        spec: Canonical text, all parameters bound, e.g. ``smelu:beta=1/2``.
        slug: The same as a file name.
        digest: SHA-256 of the mathematics.
        init_gain: Variance-preserving gain, finite and positive.
    """

    spec: str
    slug: str
    digest: str
    init_gain: float

    def __post_init__(self) -> None:
        if not (isfinite(self.init_gain) and self.init_gain > 0):
            raise UsageError(
                f"Activation {self.spec!r} has the initialisation gain {self.init_gain}; it must "
                "be positive and finite, which needs 0 < E f(z)² < ∞ for normal z."
            )
        if not self.slug or "/" in self.slug or "\\" in self.slug or self.slug.startswith("."):
            raise UsageError(f"Activation {self.spec!r}: {self.slug!r} is not a safe file name.")


@dataclass(frozen=True)
class Cell:
    """One training: activation, seed, and a hash of everything that determines the result.

    Args:
        id: First 24 hexadecimal digits of the SHA-256 of the canonical JSON.
        activation: Canonical text of the activation.
        seed: The seed.
    """

    id: str
    activation: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """A validated experiment.

    Args:
        activations: Different activations, at least one.
        data: Name in the table of data sets.
        data_digest: SHA-256 of the data's bytes.
        model: Name in the table of models.
        hidden: Hidden widths, 1 … 65536 each, 1 … 64 layers.
        norm: ``none`` or ``layer``.
        init: ``gain`` or ``default``.
        vary: What differs between seeds: ``init``, ``order`` or both.
        epochs: 1 … 100000.
        lr: Positive and finite.
        batch_size: At least 1.
        seeds: Different non-negative integers below 2⁶³, at least one.
        baseline: Canonical text of the activation that the others are compared with.
        dtype: ``float32`` or ``float64``.
        device: ``cpu`` or ``cuda``.

    Raises:
        UsageError: With what was asked, what was found and what would be right.
    """

    activations: tuple[ActivationKey, ...]
    data: str
    data_digest: str
    baseline: str
    seeds: tuple[int, ...]
    model: str = "mlp"
    hidden: tuple[int, ...] = DEFAULT_HIDDEN
    norm: str = "none"
    init: str = "gain"
    vary: tuple[str, ...] = ("init", "order")
    epochs: int = 30
    lr: float = 1e-3
    batch_size: int = 64
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._check_activations()
        _one_of("data set", self.data, DATASETS)
        _one_of("model", self.model, MODELS)
        if self.norm == "batch":
            refuse_unavailable(batch=True)
        _one_of("normalisation", self.norm, NORMS)
        _one_of("initialisation", self.init, INITS)
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("device", self.device, DEVICES)
        self._check_vary()
        _whole("epochs", self.epochs, 1, 100_000)
        _whole("batch size", self.batch_size, 1, 2**31)
        if not 1 <= len(self.hidden) <= 64:
            raise UsageError(f"{len(self.hidden)} hidden layers asked; possible are 1 … 64.")
        for width in self.hidden:
            _whole("hidden width", width, 1, 65_536)
        if not (_is_real(self.lr) and isfinite(self.lr) and self.lr > 0):
            raise UsageError(f"Learning rate {self.lr!r} must be a positive finite number.")
        _different("seeds", self.seeds)
        for seed in self.seeds:
            _whole("seed", seed, 0, 2**63 - 1)
        if len(self.activations) * len(self.seeds) > MAX_MODELS:
            raise UsageError(
                f"{len(self.activations)} activations × {len(self.seeds)} seeds are more than "
                f"{MAX_MODELS} models; ask for fewer seeds."
            )

    def _check_activations(self) -> None:
        if not self.activations:
            raise UsageError("No activation named; 'rescu list' shows what there is.")
        seen: dict[str, str] = {}
        slugs: dict[str, str] = {}
        for key in self.activations:
            if key.digest in seen:
                raise UsageError(
                    f"{key.spec!r} and {seen[key.digest]!r} are the same function; an experiment "
                    "compares different ones, so name it once."
                )
            if key.slug in slugs:
                raise UsageError(
                    f"{key.spec!r} and {slugs[key.slug]!r} would share the file name "
                    f"{key.slug!r}; rename one of them."
                )
            seen[key.digest], slugs[key.slug] = key.spec, key.spec
        specs = [key.spec for key in self.activations]
        if self.baseline not in specs:
            raise UsageError(
                f"The baseline {self.baseline!r} is not among the activations compared: "
                f"{', '.join(specs)}."
            )

    def _check_vary(self) -> None:
        if "split" in self.vary:
            refuse_unavailable(split=True)
        for name in self.vary:
            _one_of("source of variation", name, PURPOSES)
        if not self.vary or len(set(self.vary)) < len(self.vary):
            raise UsageError(
                f"What varies between seeds is {self.vary!r}; name 'init', 'order' or both, each "
                "once. With nothing varied all models would be equal."
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `from_dict` inverts it."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExperimentSpec:
        """Inverse of `to_dict`.

        Raises:
            UsageError: If a field is missing, unknown or wrong.
        """
        known = {field.name for field in fields(cls)}
        if set(data) != known:
            raise UsageError(
                f"Not an experiment: missing {sorted(known - set(data))}, "
                f"unknown {sorted(set(data) - known)}."
            )
        try:
            keys = tuple(ActivationKey(**entry) for entry in data["activations"])
            parts = {name: tuple(data[name]) for name in ("seeds", "hidden", "vary")}
        except TypeError as error:
            raise UsageError(f"Not an experiment: {error}.") from error
        return cls(**{**data, **parts, "activations": keys})

    def identity(self) -> dict[str, Any]:
        """What a run directory is tied to: all but the baseline, which no training depends on."""
        data = self.to_dict()
        del data["baseline"]
        return {"recipe": RECIPE, **data}

    @property
    def digest(self) -> str:
        """SHA-256 of `identity`."""
        return _hash(self.identity())

    def expand(self) -> tuple[Cell, ...]:
        """The cells, activation by activation, seeds in the order given."""
        shared = self.identity()
        del shared["activations"], shared["seeds"]
        cells = []
        for key in self.activations:
            for seed in self.seeds:
                # The digest stands for the gain too, which is a function of the mathematics.
                found = _hash({**shared, "activation": key.digest, "seed": seed})
                cells.append(Cell(id=found[:24], activation=key.spec, seed=seed))
        return tuple(cells)


def _hash(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _one_of(kind: str, name: str, known: Sequence[str] | Mapping[str, Any]) -> None:
    if name not in known:
        raise UnknownNameError(kind, str(name), sorted(known))


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(what: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"{what.capitalize()} {value!r} must be a whole number in {low} … {high}.")


def _different(what: str, values: Sequence[object]) -> None:
    if not values or len(set(values)) < len(values):
        raise UsageError(f"The {what} {list(values)!r} must be different, and at least one.")
