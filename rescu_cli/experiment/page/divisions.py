"""The section on other divisions of the data: does the split decide the outcome?"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from rescu_cli.experiment.page.sections import section
from rescu_cli.experiment.page.tables import (
    Cell,
    Column,
    estimate,
    number,
    table,
    text,
    written,
)


def divisions(splits: Mapping[str, Any] | None) -> str:
    """Differences from the baseline on each division; nothing for a single one."""
    if splits is None or not splits["differences"]:
        return ""
    n_splits = len(splits["run_dirs"])
    heading = f"On {n_splits} divisions of the data"
    columns = [
        Column("activation"),
        Column("metric"),
        Column("mean difference", numeric=True),
        Column(f"lower, of {n_splits}", numeric=True),
        *(Column(f"division {number}", numeric=True) for number in range(n_splits)),
    ]
    body = [
        [
            text(d["a"]),
            Cell(f"<code>{escape(str(d['metric']))}</code>"),
            estimate(d, "mean", signed=True),
            number(d["n_lower"], str(d["n_lower"])),
            *(number(v, None if v is None else written(v, signed=True)) for v in d["per_split"]),
        ]
        for d in splits["differences"]
    ]
    note = (
        f'<p class="note">Differences are those from {escape(str(splits["differences"][0]["b"]))}. '
        "Division 0 is the one that the rest of this page is about; for the others all examples "
        "were divided anew. Divisions overlap, so the variance of their mean is taken as (1/K + "
        "test/training)·s² (Nadeau and Bengio, 2003).</p>"
    )
    return section("divisions", heading, note, table(heading, columns, body))
