"""What a search has found out before in its run directory: its request, and every outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rescu_cli.core.files import write_json
from rescu_cli.errors import StoreError
from rescu_cli.experiment.screening import Screened

REQUEST, OUTCOMES = "request.json", "outcomes.json"
_FOREIGN = "spec.json"


def claim(folder: Path, request: Mapping[str, Any]) -> None:
    """Ties a run directory to a search.

    Raises:
        StoreError: If it belongs to another search, or to a comparison; says what differs.
    """
    if (folder / _FOREIGN).exists():
        raise StoreError(
            f"{folder} is the run directory of a comparison, not of a search; name another with "
            "'--out'."
        )
    path = folder / REQUEST
    found = _read(path)
    asked = json.loads(json.dumps(request))
    if found and found != asked:
        keys = [key for key in {**asked, **found} if asked.get(key) != found.get(key)]
        said = "; ".join(f"{key}: {asked.get(key)} asked, {found.get(key)} there" for key in keys)
        raise StoreError(
            f"{folder} belongs to another search ({said}). Only --budget, --top, --confirm and "
            "--prove may differ; name another folder with '--out'."
        )
    write_json(path, asked)


class KnownOutcomes:
    """Outcomes by what they depend on, so that no candidate is trained again in another company.

    Args:
        folder: The run directory.
        resume: False knows nothing at first.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._path = folder / OUTCOMES
        self._found: dict[str, Screened] = {}
        for key, entry in (_read(self._path) if resume else {}).items():
            try:
                self._found[key] = Screened(**entry)
            except TypeError:  # of another version: trained again
                continue

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> Screened:
        return self._found[key]

    def add(self, keys: Sequence[str], outcomes: Sequence[Screened]) -> None:
        """Remembers, and writes the file anew."""
        self._found |= dict(zip(keys, outcomes, strict=True))
        write_json(self._path, {key: asdict(one) for key, one in self._found.items()})


def _read(path: Path) -> dict[str, Any]:
    """The object in a JSON file; nothing if there is none, or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
