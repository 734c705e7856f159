"""What a run directory holds for its page: the votes of its models, pictures, its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import RescuError, StoreError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.disagreement import Disagreement, count_votes, find_disagreement
from rescu_cli.experiment.environment import environment
from rescu_cli.experiment.page.pictures import draw_examples
from rescu_cli.experiment.page.summary import score_key
from rescu_cli.experiment.predictions import read_arrays


def recorded_environment(folder: Path) -> dict[str, str]:
    """The environment of this process, and what the trainings of a run directory say of theirs.

    A run that was resumed may have been trained by several versions; all are named.
    """
    found = environment()
    records = [json.loads(path.read_text()) for path in sorted((folder / "cells").glob("*.json"))]
    for field in ("torch", "threads"):
        values = sorted({str(record[field]) for record in records if field in record})
        if values:
            found[field] = ", ".join(values)
    return found


def load_disagreement(folder: Path, result: Mapping[str, Any]) -> Disagreement | None:
    """Where the models whose predictions a run directory holds disagree; None for a regression.

    Args:
        folder: The run directory.
        result: ``Report.to_dict()`` of the same run.

    Raises:
        StoreError: If predictions are missing, damaged, or not those of the result.
    """
    if score_key(result["activations"][0]) == "r2":
        return None
    names, votes = [], []
    labels: NDArray[Any] | None = None
    ids: NDArray[Any] | None = None
    for entry, key in zip(result["activations"], result["spec"]["activations"], strict=True):
        path = folder / "predictions" / f"{key['slug']}.npz"
        seeds = _sound_seeds(entry, result["spec"]["seeds"])
        if not seeds:
            continue
        arrays = _arrays(path)
        kept = np.isin(arrays["seeds"], seeds)
        if kept.sum() != len(seeds):
            raise StoreError(
                f"{path} holds predictions of {kept.sum()} of the {len(seeds)} models in the "
                "result. Run the same 'rescu compare' again."
            )
        if ids is not None and not np.array_equal(ids, arrays["example_ids"]):
            raise StoreError(f"{path} speaks of other examples than the predictions beside it. "
                             "Run the same 'rescu compare' again.")  # fmt: skip
        labels, ids = arrays["labels"], arrays["example_ids"]
        names.append(str(entry["activation"]))
        votes.append(count_votes(arrays["predictions"][kept]))
    if labels is None or ids is None:
        return None
    return find_disagreement(names, votes, labels, ids)


def load_pictures(
    spec: Mapping[str, Any], found: Disagreement | None
) -> tuple[dict[int, str], str | None]:
    """Pictures of the examples that flip by position, or the reason why there are none.

    The data must be what the models were trained on; else an example would get a wrong picture.
    """
    if found is None or not found.flips:
        return {}, None
    try:
        dataset = load_dataset(spec["data"])
    except RescuError as error:
        return {}, f"Without pictures: the data cannot be loaded by its name ({error})"
    if dataset.digest != spec["data_digest"]:
        return {}, "Without pictures: the data has changed since the models were trained."
    return draw_examples(dataset, [flip.position for flip in found.flips]), None


def _sound_seeds(entry: Mapping[str, Any], seeds: list[int]) -> list[int]:
    values = entry[score_key(entry)]["per_seed"]
    return [seed for seed, value in zip(seeds, values, strict=True) if value is not None]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    for name in ("predictions", "labels", "example_ids", "seeds"):
        if name not in arrays:
            raise StoreError(f"{path} has no array {name}. Run the same 'rescu compare' again.")
    return arrays
