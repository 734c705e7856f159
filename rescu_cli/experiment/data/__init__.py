"""The table of data sets. A new one is one file with ``load(…) -> Dataset`` and one row here.

A data set is named as an activation is: ``NAME[:parameter=value[,parameter=value…]]``. The
parameters are the arguments of its ``load``. A path to a file or folder is a data set too, and
``text:FILE`` is the text in a file.
"""

from __future__ import annotations

import re
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset

DATASETS: dict[str, str] = {
    "digits": "rescu_cli.experiment.data.digits:load",
    "breast_cancer": "rescu_cli.experiment.data.breast_cancer:load",
    "mnist1d": "rescu_cli.experiment.data.mnist1d:load",
    "spirals": "rescu_cli.experiment.data.spirals:load",
    "regression": "rescu_cli.experiment.data.regression:load",
    "ctr": "rescu_cli.experiment.data.ctr:load",
    "grammar": "rescu_cli.experiment.data.grammar:load",
}

TEXT = "text"
"""``text:FILE[,window=…]``: a user's file as windows of characters."""

_WINDOW = re.compile(r",(window=[^,/]*)$")

FILES = (".npz", ".csv", ".tsv", ".txt", ".parquet")
"""Endings of users' own data."""


def is_path(text: str) -> bool:
    """Whether a data set is asked for by path: a file with a known ending, or a folder.

    A name of the table is never a path; a folder of that name is written ``./NAME``.
    """
    if text.partition(":")[0] in (*DATASETS, TEXT):
        return False
    return text.lower().endswith(FILES) or "/" in text or Path(text).is_dir()


def load_dataset(text: str, *, label: str | None = None, task: str | None = None) -> Dataset:
    """One data set of the table, or a file.

    Args:
        text: ``NAME[:parameter=value…]``, or ``text:FILE[,window=…]``, or the path of a file that
            ends in one of `FILES`, or of a folder with MNIST's four files.
        label: For a file, its label column; the last one, or ``y``, if None.
        task: For a file, ``classification`` or ``regression``; seen from the labels if None.

    Raises:
        UnknownNameError: If the table has no such name.
        UsageError: For a parameter that the data set lacks or refuses.
        StoreError: If a file cannot be read.
    """
    if is_path(text):
        from rescu_cli.experiment.data.files import load_file

        return load_file(text, label=label, task=task)
    if label is not None or task is not None:
        raise UsageError("'--label' and '--task' speak of a file; the data sets of the table know "
                         "theirs.")  # fmt: skip
    name, _, rest = text.partition(":")
    if name == TEXT:
        from rescu_cli.experiment.data.text import load as load_text

        # The path may hold commas and colons; the parameters are behind the last of it.
        match = _WINDOW.search(rest)
        path = rest[: match.start()] if match else rest
        more = _arguments(name, match[1], load_text) if match else {}
        return load_text(path, **cast("dict[str, int]", more))
    if name not in DATASETS:
        raise UnknownNameError("data set", name, sorted((*DATASETS, TEXT)))
    module, function = DATASETS[name].split(":")
    load = getattr(import_module(module), function)
    return cast("Dataset", load(**_arguments(name, rest, load)))


def _arguments(name: str, text: str, load: Any) -> dict[str, int | float]:
    known = list(signature(load).parameters)
    found: dict[str, int | float] = {}
    for part in text.split(",") if text else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in known:
            raise UsageError(
                f"Data set {name!r} has no parameter {key!r}; it has: {', '.join(known) or 'none'}."
            )
        if not equals or key in found:
            raise UsageError(f"Data set {text!r}: write each parameter once, as {key}=NUMBER.")
        try:
            found[key] = int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            raise UsageError(f"Data set {name!r}: {key}={value!r} is not a number.") from None
    return found
