"""Text of a small recursive grammar whose entropy rate is known, so the best loss is too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import exp

import numpy as np

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.generated import full_name, require_seed, require_whole
from rescu_cli.experiment.data.windows import windows_dataset

Rules = Mapping[str, Sequence[tuple[float, str]]]

USUAL = {"n": 60_000, "window": 32, "seed": 0}

RULES: Rules = {
    "sentence": [(0.5, "the <one> <sleeps>. "), (0.5, "the <many> <sleep>. ")],
    "one": [(0.75, "<cat>"), (0.25, "<cat> that <clause>")],
    "many": [(0.75, "<cat>s"), (0.25, "<cat>s that <clause>")],
    "clause": [(0.5, "the <one> <sees>"), (0.5, "the <many> <see>")],
    "cat": [(0.5, "cat"), (0.25, "dog"), (0.125, "bird"), (0.125, "owl")],
    "sleeps": [(0.5, "sleeps"), (0.25, "runs"), (0.25, "dreams")],
    "sleep": [(0.5, "sleep"), (0.25, "run"), (0.25, "dream")],
    "sees": [(0.5, "sees"), (0.25, "hears"), (0.25, "follows")],
    "see": [(0.5, "see"), (0.25, "hear"), (0.25, "follow")],
}
"""Each symbol's expansions with their probabilities; <…> is a symbol, the rest characters.

A verb agrees with its noun across any clauses between them: "the cat that the dogs see sleeps. ".
Every text has one derivation only, which `entropy_rate` needs.
"""

_PIECE = re.compile(r"<(\w+)>|([^<]+)")


def load(n: int = 60_000, window: int = 32, seed: int = 0) -> Dataset:
    """Windows of sentences of `RULES`; the last fifth is the test part.

    Args:
        n: Characters of the text, 2,000 … 10,000,000.
        window: Characters of an example, 2 … 4096.
        seed: Of the text.

    Raises:
        UsageError: For parameters out of range, or a text too short for its windows.
    """
    n = require_whole("grammar", "n", n, 2000, 10_000_000)
    window = require_whole("grammar", "window", window, 2, 4096)
    seed = require_seed("grammar", seed)
    h = entropy_rate(RULES, "sentence")
    return windows_dataset(
        generate(RULES, "sentence", n, seed), window,
        name=full_name("grammar", {"n": n, "window": window, "seed": seed}, USUAL),
        source="generated: sentences of a recursive grammar (rescu_cli/experiment/data/grammar.py)",
        about=(
            f"; the entropy rate is {h:.4f} nats per character, so no model's perplexity is below "
            f"{exp(h):.4f} but by luck"
        ),
    )  # fmt: skip


def generate(rules: Rules, start: str, n: int, seed: int) -> str:
    """The first ``n`` characters of independent derivations from ``start``, one after the other."""
    generator = np.random.default_rng(seed)
    found: list[str] = []
    length = 0
    while length < n:
        waiting = [f"<{start}>"]
        while waiting:  # not recursive: a derivation may nest deeper than Python's stack
            piece = waiting.pop()
            if piece[0] != "<":
                found.append(piece)
                length += len(piece)
                continue
            expansions = rules[piece[1:-1]]
            u, number = generator.random(), 0
            while number + 1 < len(expansions) and u >= expansions[number][0]:
                u -= expansions[number][0]
                number += 1
            pieces = [match.group() for match in _PIECE.finditer(expansions[number][1])]
            waiting.extend(reversed(pieces))
    return "".join(found)[:n]


def entropy_rate(rules: Rules, start: str) -> float:
    """Nats per character of an endless text: H(derivation)/E[length].

    With m_ab the expected number of symbols b in an expansion of a, entropy and length of
    derivations solve H = h + mH and L = l + mL, where h and l are those of one expansion.
    """
    names = list(rules)
    expected = np.zeros((len(names), len(names)))
    own = np.zeros((len(names), 2))
    for row, expansions in enumerate(rules.values()):
        for p, text in expansions:
            own[row] += p * np.array([-np.log(p), 0.0])
            for match in _PIECE.finditer(text):
                if match[1]:
                    expected[row, names.index(match[1])] += p
                else:
                    own[row, 1] += p * len(match[2])
    h, length = np.linalg.solve(np.eye(len(names)) - expected, own)[names.index(start)]
    return float(h / length)
