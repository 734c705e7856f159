"""Finished trainings in a folder, so that a command that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rescu_cli.core.files import write_atomically
from rescu_cli.sequence.attention.kinds import Kind
from rescu_cli.sequence.attention.measures import Alignment, Measures
from rescu_cli.sequence.attention.training import Learnt, Recipe

FOLDER = "trainings"


class KeptTrainings:
    """Trainings of one recipe, a file for each kind and seed.

    A file's name is a hash of everything that the training depends on, so that another recipe in
    the same folder has files of its own. A damaged file counts as missing.

    Args:
        folder: Created with the first file; None keeps nothing.
        recipe: Of all of them.
    """

    def __init__(self, folder: Path | None, recipe: Recipe) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._recipe = recipe

    def __call__(self, kind: Kind, seed: int, train: Callable[[], Learnt | None]) -> Learnt | None:
        """The training from its file, or else done now and written; None if it diverged."""
        if self._folder is None:
            return train()
        path = self._folder / f"{self._digest(kind, seed)}.npz"
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            pass
        found = train()
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _written(found))
        return found

    def _digest(self, kind: Kind, seed: int) -> str:
        said = json.dumps([self._recipe.to_dict(), kind.name, kind.digest, seed], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:24]


def _written(learnt: Learnt | None) -> bytes:
    buffer = BytesIO()
    if learnt is None:
        np.savez_compressed(buffer, facts=json.dumps(None))
        return buffer.getvalue()
    facts = {
        "accuracy": learnt.accuracy, "exact": learnt.exact,
        "alignment": asdict(learnt.alignment), "measures": asdict(learnt.measures),
    }  # fmt: skip
    np.savez_compressed(
        buffer, facts=json.dumps(facts), probabilities=learnt.probabilities, example=learnt.example
    )
    return buffer.getvalue()


def _read(path: Path) -> Learnt | None:
    content = BytesIO(path.read_bytes())  # of a damaged file NumPy leaves the handle open
    try:
        with np.load(content, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            if facts is None:
                return None
            return Learnt(
                facts["accuracy"], facts["exact"], Alignment(**facts["alignment"]),
                Measures(**facts["measures"]), file["probabilities"], file["example"],
            )  # fmt: skip
    except BadZipFile as error:
        raise ValueError(f"{path} is damaged.") from error
