"""`Report`: what an experiment found, with both kinds of uncertainty kept apart.

``ci`` speaks of other seeds: would another training of the same recipe differ? ``ci_examples``
speaks of other test examples: would these very models look different on another sample? Neither
contains the other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from rescu_cli.core.files import write_atomically
from rescu_cli.experiment.stats import Equivalence
from rescu_cli.experiment.store import CellRecord

Interval = tuple[float, float]
TABLE_COLUMNS = (
    "activation",
    "seed",
    "score",
    "loss",
    "train_loss",
    "diverged",
    "cell",
)


@dataclass(frozen=True)
class Score:
    """Score or loss of one activation.

    Args:
        mean: Over the models that did not diverge; None if there is none.
        ci: 95 % interval over seeds; None for fewer than two models.
        ci_examples: 95 % interval over test examples, the models held fixed.
        per_seed: One value for each seed of the experiment; None where training diverged.
    """

    mean: float | None
    ci: Interval | None
    ci_examples: Interval | None
    per_seed: tuple[float | None, ...]


@dataclass(frozen=True)
class Difference:
    """One prediction difference of one activation.

    Args:
        value: None for fewer than two models.
        ci: 95 % jackknife interval over seeds; None for fewer than three models.
        ci_examples: 95 % interval over test examples, the models held fixed.
        n_models: Models it was computed from; mean-centred definitions grow with it.
    """

    value: float | None
    ci: Interval | None
    ci_examples: Interval | None
    n_models: int


@dataclass(frozen=True)
class Curves:
    """How the trainings of one activation went, seed by seed; None where one diverged.

    Args:
        train_loss: Mean loss of the steps of each epoch.
        validation_loss: Loss on the validation part after each epoch; empty without one.
        epoch: After which the predictions were made.
    """

    train_loss: tuple[tuple[float | None, ...] | None, ...]
    validation_loss: tuple[tuple[float | None, ...] | None, ...]
    epoch: tuple[int, ...]


@dataclass(frozen=True)
class ActivationResult:
    """Everything about one activation.

    Args:
        activation: Canonical text.
        digest: SHA-256 of its mathematics.
        score_name: ``accuracy``, ``auc`` or ``r2``.
        score: On the test part.
        loss: Mean loss on the test part.
        pd: Every prediction difference by its key.
        n_diverged: Models left out because training diverged.
        seconds: Wall time of its trainings; a batch's time is shared evenly by its models.
        curves: How its trainings went.
        surrogate: What to know if it is trained with another gradient than its own, else None.
    """

    activation: str
    digest: str
    score_name: str
    score: Score
    loss: Score
    pd: Mapping[str, Difference]
    n_diverged: int
    seconds: float
    curves: Curves
    surrogate: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As in the command line's JSON: the score under its own name."""
        data = asdict(self)
        score = data.pop("score")
        return {**{k: v for k, v in data.items() if k != "score_name"}, self.score_name: score}


@dataclass(frozen=True)
class Comparison:
    """One activation against the baseline in one metric, over the seeds that both finished.

    Args:
        a: The activation.
        b: The baseline.
        metric: ``accuracy``, ``auc`` or ``r2``, ``loss``, or a key of the prediction differences.
        difference: a − b; None where it is undefined.
        ci: 95 % interval over seeds.
        ci_examples: 95 % interval over test examples, paired.
        n_seeds: Seeds compared.
        test: Name of the test behind p.
        p: Two-sided.
        p_adjusted: Holm, over the activations compared with the baseline in this metric.
        least_p: The smallest p that the test can give with so many seeds; None if unlimited.
        verdict: ``lower``, ``higher`` (a against b) or ``no difference shown``.
        equivalence: Of the scores, if a margin was asked: two one-sided tests.
    """

    a: str
    b: str
    metric: str
    difference: float | None
    ci: Interval | None
    ci_examples: Interval | None
    n_seeds: int
    test: str
    p: float | None
    p_adjusted: float | None
    least_p: float | None
    verdict: str
    equivalence: Equivalence | None = None


@dataclass(frozen=True)
class SplitDifference:
    """One metric against the baseline on several divisions of the data.

    Args:
        a: The activation.
        b: The baseline.
        metric: As in `Comparison`.
        per_split: a − b on each division; None where it is undefined.
        mean: Over the divisions; None if one is undefined.
        ci: 95 % interval for the mean, for divisions that overlap (`rescu_cli.experiment.splits`).
        n_lower: Divisions on which a is lower.
    """

    a: str
    b: str
    metric: str
    per_split: tuple[float | None, ...]
    mean: float | None
    ci: Interval | None
    n_lower: int


@dataclass(frozen=True)
class AcrossSplits:
    """The same experiment on several divisions of the data into training and test part.

    Args:
        run_dirs: Of each division; the first is the data's own.
        values: For each activation and metric the value on each division.
        differences: Every other activation against the baseline, metric by metric.
    """

    run_dirs: tuple[str, ...]
    values: Mapping[str, Mapping[str, tuple[float | None, ...]]]
    differences: tuple[SplitDifference, ...]


@dataclass(frozen=True)
class Report:
    """The result of `compare`.

    Args:
        spec: The experiment, as JSON-ready data.
        run_dir: Where predictions and cells are kept.
        n_models: Models trained or found finished.
        activations: In the order asked.
        comparisons: Every other activation against the baseline, metric by metric.
        advice: Sentences about what the figures can and cannot say.
        formulas: The definition behind each key of the prediction differences.
        splits: The same on other divisions of the data, if they were asked.
    """

    spec: Mapping[str, Any]
    run_dir: Path
    n_models: int
    activations: tuple[ActivationResult, ...]
    comparisons: tuple[Comparison, ...]
    advice: tuple[str, ...]
    formulas: Mapping[str, str]
    splits: AcrossSplits | None = None

    def activation(self, name: str) -> ActivationResult:
        """The result of one activation by its canonical text.

        Raises:
            KeyError: If it is not part of the experiment.
        """
        for result in self.activations:
            if result.activation == name:
                return result
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, full precision; what is not finite becomes None."""
        data = asdict(self)
        data["activations"] = [result.to_dict() for result in self.activations]
        if self.splits is None:
            del data["splits"]
        return dict(_plain(data))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def write_table(path: Path, records: Sequence[CellRecord]) -> None:
    """Writes ``table.csv``, one line per cell; an empty field stands for what is not finite.

    Raises:
        StoreError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE_COLUMNS)
    for record in records:
        row = [getattr(record, name) for name in TABLE_COLUMNS[:-1]]
        writer.writerow(["" if entry is None else entry for entry in (*row, record.id)])
    write_atomically(path, text.getvalue())
