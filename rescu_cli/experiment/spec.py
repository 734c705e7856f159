"""`ExperimentSpec`: everything that determines an experiment; `Cell`: one training of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from math import isfinite
from typing import Any

from rescu_cli import __version__
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.draws import PURPOSES
from rescu_cli.experiment.models import MODELS
from rescu_cli.experiment.scores import SCORES

RECIPE = 2  # version of how a cell is trained; raised whenever a change moves its numbers
NORMS = ("none", "layer", "batch")
INITS = ("gain", "default")
OPTIMIZERS = ("adam", "adagrad")
DTYPES = ("float32", "float64")
DEVICES = ("cpu", "cuda")
DEFAULT_DEPTH = 2
MAX_MODELS = 100_000
VALIDATION_SHARE = 0.2  # of the training part, where a part is held out for validation


def hidden_sizes(
    width: int | None, depth: int | None, model: str = "mlp"
) -> tuple[int, ...] | None:
    """Hidden widths from the options ``--width`` and ``--depth``.

    Neither: None, for the model's own. Otherwise ``depth`` layers (2 if not given) of ``width``
    units, or channels (those of the model's first layer if not given).
    """
    if width is None and depth is None:
        return None
    _one_of("model", model, MODELS)
    n_layers = DEFAULT_DEPTH if depth is None else depth
    if n_layers < 1 or n_layers > 64:
        raise UsageError(f"Depth {n_layers} is not possible; it must lie in 1 … 64.")
    return (MODELS[model].hidden[0] if width is None else width,) * n_layers


@dataclass(frozen=True)
class ActivationKey:
    """What an experiment needs to know of an activation without its formula.

    Args:
        spec: Canonical text, all parameters bound, e.g. ``smelu:beta=1/2``.
        slug: The same as a file name.
        digest: SHA-256 of the mathematics.
        init_gain: Variance-preserving gain, finite and positive.
        lr: Learning rate found for it by tuning; None for that of the experiment.
    """

    spec: str
    slug: str
    digest: str
    init_gain: float
    lr: float | None = None

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
        data: As asked for: a name in the table of data sets with its parameters, or a path.
        data_digest: SHA-256 of the data's bytes.
        baseline: Canonical text of the activation that the others are compared with.
        seeds: Different non-negative integers below 2⁶³, at least one.
        score: Key of what is reported beside the loss: ``accuracy``, ``auc`` or ``r2``.
        model: Name in the table of models.
        hidden: Hidden widths, 1 … 65536 each, 1 … 64 layers.
        norm: ``none``, ``layer`` or ``batch``.
        dropout: Share of hidden units dropped in training, 0 ≤ dropout < 1.
        init: ``gain`` or ``default``.
        vary: What differs between seeds: any of ``init``, ``order``, ``dropout``, ``split``. With
            nothing, every seed trains the same model: the control.
        epochs: 1 … 100000.
        optimizer: ``adam`` or ``adagrad``.
        lr: Positive and finite.
        batch_size: At least 1.
        validation: Whether a part of the training data is held out, and the loss on it recorded.
        stop_at: Predictions are those of the first epoch whose validation loss is no greater;
            None for those of the last epoch.
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
    score: str = "accuracy"
    model: str = "mlp"
    hidden: tuple[int, ...] = (128, 64)
    norm: str = "none"
    dropout: float = 0.0
    init: str = "gain"
    vary: tuple[str, ...] = ("init", "order")
    epochs: int = 30
    optimizer: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    validation: bool = False
    stop_at: float | None = None
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._check_activations()
        _one_of("model", self.model, MODELS)
        _one_of("score", self.score, SCORES)
        _one_of("normalisation", self.norm, NORMS)
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
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
        for lr in (self.lr, *(key.lr for key in self.activations if key.lr is not None)):
            if not (_is_real(lr) and isfinite(lr) and lr > 0):
                raise UsageError(f"Learning rate {lr!r} must be a positive finite number.")
        if not (_is_real(self.dropout) and 0 <= self.dropout < 1):
            raise UsageError(f"Dropout {self.dropout!r} must be a number in 0 ≤ dropout < 1.")
        if self.stop_at is not None:
            if not (_is_real(self.stop_at) and isfinite(self.stop_at)):
                raise UsageError(f"A loss to stop at must be finite; found {self.stop_at!r}.")
            if not self.validation:
                raise UsageError("Stopping at a validation loss needs a validation part.")
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
        for name in self.vary:
            _one_of("source of variation", name, PURPOSES)
        if len(set(self.vary)) < len(self.vary):
            raise UsageError(
                f"What varies between seeds is {self.vary!r}; name each of "
                f"{', '.join(PURPOSES)} once at most."
            )
        if "dropout" in self.vary and not self.dropout:
            raise UsageError(
                "Dropout cannot vary where there is none; ask for some, e.g. '--dropout 0.1'."
            )

    @property
    def task(self) -> str:
        """``classification`` or ``regression``."""
        return "regression" if self.score == "r2" else "classification"

    def lr_of(self, activation: str) -> float:
        """The learning rate of an activation, by its canonical text."""
        key = next(key for key in self.activations if key.spec == activation)
        return self.lr if key.lr is None else key.lr

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
        except (TypeError, KeyError) as error:
            raise UsageError(f"Not an experiment: {error}.") from error
        return cls(**{**data, **parts, "activations": keys})

    def identity(self) -> dict[str, Any]:
        """What a run directory is tied to: all but the baseline, which no training depends on."""
        data = self.to_dict()
        del data["baseline"]
        return {"recipe": RECIPE, "version": __version__, **data}

    @property
    def digest(self) -> str:
        """SHA-256 of `identity`."""
        return _hash(self.identity())

    def expand(self) -> tuple[Cell, ...]:
        """The cells, activation by activation, seeds in the order given."""
        return self._cells

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        shared = self.identity()
        del shared["activations"], shared["seeds"]
        cells = []
        for key in self.activations:
            for seed in self.seeds:
                # The digest stands for the gain too, which is a function of the mathematics.
                lr = self.lr if key.lr is None else key.lr
                found = _hash({**shared, "activation": key.digest, "lr": lr, "seed": seed})
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
