"""A result as `compare` gives it, with everything a page can show, and names that try to be markup."""

from __future__ import annotations

from typing import Any

import numpy as np

from rescu_cli.experiment.disagreement import count_votes, find_disagreement
from rescu_cli.experiment.page import Material, render_page
from rescu_cli.experiment.page.pictures import draw_examples
from rescu_cli.plot import figure_bytes, plot_tradeoff
from rescu_cli.plot.training import has_training, plot_training
from tests.experiment.samples import make_dataset

EVIL = '<img src=x onerror="throw 1">'
LONG = "smelu:alpha=0.123456789,beta=0.5,g_minus=0.01,g_plus=0.99"
NAMES = (
    "relu", "smelu:beta=0.5", LONG, EVIL, "gelu:k=1", "swish:k=1", "squareplus:c=2", "mish",
    "softplus:k=1",
)  # fmt: skip
"""More than there are colours."""
VERDICTS = ("lower", "higher", "no difference shown")


def score(value: float | None, half: float = 0.01) -> dict[str, Any]:
    ends = None if value is None else [value - half, value + half]
    return {"mean": value, "ci": ends, "ci_examples": ends, "per_seed": [value] * 3}


def make_result(quality: str = "accuracy", *, curves: bool = True, n: int = 4) -> dict[str, Any]:
    names = NAMES[:n]
    generator = np.random.default_rng(0)
    rows = []
    for i, name in enumerate(names):
        pds = {
            key: {
                "value": 0.2 - 0.03 * i,
                "ci": [0.1, 0.3],
                "ci_examples": [0.15, 0.25],
                "n_models": 3,
            }
            for key in ("pd_l1", "churn")
        }
        row: dict[str, Any] = {
            "activation": name, "digest": "a" * 64, quality: score(0.9 + 0.02 * (i % 3)),
            "loss": score(0.3), "pd": pds, "n_diverged": int(i == 1), "seconds": 1.0 + 10 * i,
        }  # fmt: skip
        if curves:
            row["curves"] = {
                "train_loss": [
                    None
                    if i == 1 and s == 0
                    else (2 * np.exp(-np.arange(6) * (1 + 0.1 * generator.random()))).tolist()
                    for s in range(3)
                ]
            }
        rows.append(row)
    comparisons = [
        {
            "a": name, "b": names[0], "metric": metric, "difference": -0.01 * (i + 1),
            "ci": [-0.02, -0.0003], "ci_examples": None, "n_seeds": 3, "test": "t", "p": 0.00001,
            "p_adjusted": 0.00002 if metric == "pd_l1" else 1.0, "least_p": None,
            "verdict": VERDICTS[i % 3] if metric == "pd_l1" else VERDICTS[2],
        }
        for metric in (quality, "loss", "pd_l1", "churn")
        for i, name in enumerate(names[1:])
    ]  # fmt: skip
    keys = [
        {"spec": n_, "slug": f"s{i}", "digest": "a" * 64, "init_gain": 1.4}
        for i, n_ in enumerate(names)
    ]
    return {
        "spec": {
            "activations": keys, "data": "digits", "data_digest": "b" * 64, "baseline": names[0],
            "seeds": [0, 1, 2], "model": "mlp", "hidden": [128, 64], "norm": "none", "init": "gain",
            "vary": ["init", "order"], "epochs": 6, "lr": 1e-3, "batch_size": 64,
            "dtype": "float32", "device": "cpu",
        },
        "run_dir": "run", "n_models": 3 * n, "activations": rows, "comparisons": comparisons,
        "advice": ["a < b & c"],
        "formulas": {"pd_l1": "(1/N) Σ_n |P − P̄|", "churn": "mean of 1[i<j]"},
    }  # fmt: skip


def make_material(result: dict[str, Any], shape: tuple[int, ...] = (1, 2, 3)) -> Material:
    """Figures, votes and pictures of drawn data."""
    rows = result["activations"]
    dataset = make_dataset(n_features=6)
    object.__setattr__(dataset, "shape", shape)  # the sample data has none
    generator = np.random.default_rng(1)
    votes = [count_votes(generator.dirichlet(np.ones(3), size=(3, 23))) for _ in rows]
    found = find_disagreement(
        [r["activation"] for r in rows], votes, dataset.y_test, dataset.example_ids
    )
    return Material(
        tradeoff=figure_bytes(plot_tradeoff(rows), "svg").decode(),
        training=figure_bytes(plot_training(rows), "svg").decode() if has_training(rows) else None,
        disagreement=found,
        pictures=draw_examples(dataset, [flip.position for flip in found.flips]),
        environment={"python": "3", "platform": EVIL},
    )


def make_page(n: int = 4) -> str:
    result = make_result(n=n)
    return render_page(result, "1.0", make_material(result))
