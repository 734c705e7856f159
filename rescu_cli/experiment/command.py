"""The command line that asks for an experiment again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rescu_cli.errors import RescuError
from rescu_cli.experiment.data import FILES
from rescu_cli.experiment.models import MODELS

_PLAIN = {"norm": "none", "dropout": 0.0, "init": "gain", "device": "cpu"}
"""Fields whose option has their name, with the option's default."""
_OF_THE_MODEL = {
    "epochs": "epochs", "lr": "lr", "batch_size": "batch-size", "optimizer": "optimizer",
}  # fmt: skip
"""Fields whose default is the model's, with the option's name."""
_ALL_VARY = ("init", "order")


def command_line(
    spec: Mapping[str, Any], margin: float | None = None, splits: int | None = None
) -> str:
    """``rescu compare …`` with every option that is not at its default, quoted for a shell.

    Args:
        spec: ``ExperimentSpec.to_dict()``. `beyond_the_command_line` names what no option says.
        margin: Of the test of equivalence, which belongs to the evaluation and not to the spec.
        splits: Divisions of the data on which all of it was done, if more than one.
    """
    specs = [entry["spec"] for entry in spec["activations"]]
    words = ["rescu", "compare", *specs, "--data", spec["data"], "--seeds", len(spec["seeds"])]
    if spec["model"] != "mlp":
        words += ["--model", spec["model"]]
    words += _layers(spec) or []
    for field, default in _PLAIN.items():
        if spec.get(field, default) != default:
            words += [f"--{field}", spec[field]]
    words += _training(spec)
    if tuple(spec["vary"]) != _ALL_VARY:
        words += ["--vary", ",".join(spec["vary"]) or "none"]
    if spec["baseline"] != specs[0]:
        words += ["--baseline", spec["baseline"]]
    if spec.get("validation"):
        words += ["--match", "loss"]
    if margin is not None:
        words += ["--margin", margin]
    if splits is not None:
        words += ["--splits", splits]
    return shlex.join(str(word) for word in words)


def beyond_the_command_line(spec: Mapping[str, Any]) -> list[str]:
    """Sentences about what the experiment has and `command_line` cannot say."""
    found = []
    if list(spec["seeds"]) != list(range(len(spec["seeds"]))):
        found.append(f"The seeds are {', '.join(map(str, spec['seeds']))}.")
    if _layers(spec) is None:
        found.append(f"The hidden widths are {', '.join(map(str, spec['hidden']))}.")
    if spec.get("dtype", "float32") != "float32":
        found.append(f"The numbers are {spec['dtype']}.")
    found = [f"{text} Only rescu.compare in Python takes that." for text in found]
    if _tuned(spec):
        found.append("Learning rates that were tried and not chosen are left out of '--tune'.")
    if str(spec["data"]).lower().endswith(FILES):
        found.append("A file needs '--label' and '--task' again if they were given.")
    unknown = [entry["spec"] for entry in spec["activations"] if not _is_known(entry)]
    if unknown:
        found.append(f"By its name alone, another function or none is found: {', '.join(unknown)}. "
                     "Give the shape's file instead.")  # fmt: skip
    return found


def _layers(spec: Mapping[str, Any]) -> list[Any] | None:
    """Options for the hidden widths; None if no options give them."""
    hidden = tuple(spec["hidden"])
    if hidden == MODELS[spec["model"]].hidden:
        return []
    if len(set(hidden)) == 1:
        return ["--width", hidden[0], "--depth", len(hidden)]
    return None


def _training(spec: Mapping[str, Any]) -> list[Any]:
    row, words = MODELS[spec["model"]], []
    for field, option in _OF_THE_MODEL.items():
        default = getattr(row, field)
        if spec.get(field, default) != default and not (field == "lr" and _tuned(spec)):
            words += [f"--{option}", spec[field]]
    # The best of all rates tried is also the best of those that won somewhere.
    rates = ",".join(map(repr, _tuned(spec)))
    return [*words, "--tune", f"lr={rates}"] if rates else words


def _tuned(spec: Mapping[str, Any]) -> list[float]:
    """The learning rates that tuning chose, ascending."""
    return sorted({e["lr"] for e in spec["activations"] if e.get("lr") is not None})


def _is_known(entry: Mapping[str, Any]) -> bool:
    from rescu_cli.catalogue import resolve

    try:
        return bool(resolve(entry["spec"]).with_defaults().digest == entry["digest"])
    except RescuError:
        return False
