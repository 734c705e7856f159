"""The section on test examples that flip between models."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise

from rescu_cli.experiment.disagreement import EDGES, Agreement, Ballot, Disagreement, Flip
from rescu_cli.experiment.page.sections import section
from rescu_cli.experiment.page.summary import NBSP
from rescu_cli.experiment.page.tables import Cell, Column, breakable, number, table, text


def flips_section(
    found: Disagreement | None, pictures: Mapping[int, str], without_pictures: str | None
) -> str:
    """Who agrees on how much, and the examples with the most disagreement.

    Args:
        found: None leaves the section out: there are no classes to vote for.
        pictures: HTML by position of the test example.
        without_pictures: Why there are none, where one could be expected.
    """
    if found is None:
        return ""
    parts = [
        f"<p>{_percent(found.alike)} of the {found.n_examples} test examples are predicted alike "
        f"by all {found.n_models} models.</p>",
        _spread(found),
    ]
    if found.flips:
        parts += [
            f"<p>The {len(found.flips)} examples with the highest share of disagreeing pairs of "
            "models, averaged over the activations. For each activation, that share and how many "
            "of its models vote for each class: 4 × 9 are four models that say 9. The true "
            "class is in bold.</p>",
            _examples(found, pictures),
        ]
    if without_pictures:
        parts.append(f'<p class="note">{escape(without_pictures)}</p>')
    return section("flips", "Which test examples flip", *parts)


def _spread(found: Disagreement) -> str:
    names = _group_names()
    columns = [
        Column("activation"),
        Column("models", numeric=True),
        Column("spread", sortable=False),
        *(Column(name, numeric=True) for name in names),
    ]
    rows = [
        [
            text(a.activation),
            number(a.n_models, str(a.n_models)),
            Cell(_bar(a)),
            *(
                [number(share, _percent(share)) for share in a.groups]
                or [number(None)] * len(names)
            ),
        ]
        for a in found.agreements
    ]
    key = "".join(f'<span><i class="g{i}"></i>{name}</span>' for i, name in enumerate(names))
    note = f'<p class="note key">Test examples by share of disagreeing pairs: {key}</p>'
    return note + table("Test examples by share of disagreeing pairs", columns, rows)


def _group_names() -> list[str]:
    ends = [f"{100 * edge:g}" for edge in EDGES]
    between = [f"{low} – {high} %" for low, high in pairwise(ends[1:])]
    return ["all alike", f"up to {ends[1]} %", *between, f"over {ends[-1]} %"]


def _bar(agreement: Agreement) -> str:
    parts = "".join(
        f'<i class="g{i}" style="width: {100 * share:.2f}%"></i>'
        for i, share in enumerate(agreement.groups)
    )
    return f'<span class="spread" aria-hidden="true">{parts}</span>'


def _examples(found: Disagreement, pictures: Mapping[int, str]) -> str:
    columns = [
        Column("example"),
        *([Column("picture", sortable=False)] if pictures else []),
        Column("true class", numeric=True),
        Column("disagreeing", numeric=True),
        *(Column(breakable(a.activation)) for a in found.agreements),
    ]
    rows = [_example(flip, pictures) for flip in found.flips]
    return table("Examples with the most disagreement", columns, rows)


def _example(flip: Flip, pictures: Mapping[int, str]) -> list[Cell]:
    return [
        text(flip.example_id),
        *([Cell(pictures.get(flip.position, "–"))] if pictures else []),
        number(flip.label, str(flip.label)),
        number(flip.churn, _percent(flip.churn)),
        *(_votes(ballot, flip.label) for ballot in flip.ballots),
    ]


def _votes(ballot: Ballot, label: int) -> Cell:
    votes = "".join(
        f'<span class="vote{" right" if c == label else ""}">{n} × {c}</span>'
        for c, n in ballot.votes
    )
    share = "" if ballot.churn is None else f"{_percent(ballot.churn)}<br>"
    return Cell(share + votes, float("nan") if ballot.churn is None else ballot.churn)


def _percent(share: float) -> str:
    """One decimal, none for 100 %: rounding must not make all of what is nearly all."""
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}{NBSP}%"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}{NBSP}%"
