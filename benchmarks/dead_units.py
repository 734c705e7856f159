"""Dead units over training for ReLU, HeLU, leaky ReLU and SmeLU; minutes on one core.

    python benchmarks/dead_units.py [SEEDS [FOLDER]]

Toy MLPs (128-64) on digits and mnist1d, Adam along half a cosine at two first rates, initialisation
matched to each activation; the same seed gives every activation the same draws and order. Writes
``dead_units.json`` and ``dead_units.png`` and prints the last epoch. What came out is in
docs/dead-units.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rescu_cli import catalogue
from rescu_cli.core.files import write_atomically, write_json
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.stats import mean_estimate
from rescu_cli.network.dead.training import Moment, dead_over_training
from rescu_cli.network.loading import layer_of
from rescu_cli.network.toy.training import Training
from rescu_cli.plot import figure_bytes, plot_dying

ACTIVATIONS = ("relu", "helu:alpha=0.05", "helu:alpha=0.5", "leaky_relu:alpha=0.01",
               "smelu:beta=1")  # fmt: skip
SETTINGS = (("digits", 1e-3), ("digits", 1e-2), ("mnist1d", 1e-3), ("mnist1d", 1e-2))
EPOCHS, EVERY = 30, 2


def quantities(moment: Moment) -> dict[str, float]:
    assert moment.stuck is not None
    return {
        "static": moment.off.static,
        "stuck": moment.stuck.static,
        "total": moment.off.total,
        "accuracy": moment.accuracy,
    }


def estimate(values: np.ndarray) -> dict[str, Any]:
    found = mean_estimate(values)
    interval = found.interval()
    return {"mean": found.value, "ci": None if interval is None else list(interval),
            "per_seed": values.tolist()}  # fmt: skip


def setting(data: str, lr: float, n_seeds: int) -> dict[str, Any]:
    examples, training = load_dataset(data), Training(epochs=EPOCHS, lr=lr)
    result: dict[str, Any] = {"data": data, "lr": lr, "title": f"{data}, rate {lr:g}",
                              "activations": {}}  # fmt: skip
    for text in ACTIVATIONS:
        activation = catalogue.resolve(text)
        runs = [
            dead_over_training(examples, lambda a=activation: layer_of(a), activation.init_gain,
                               seed, training, every=EVERY)
            for seed in range(n_seeds)
        ]  # fmt: skip
        result["epochs"] = [moment.epoch for moment in runs[0]]
        rows = [[quantities(moment) for moment in run] for run in runs]
        result["activations"][text] = {
            key: [estimate(np.array([run[i][key] for run in rows]))
                  for i in range(len(result["epochs"]))]
            for key in rows[0][0]
        }  # fmt: skip
        print(".", end="", file=sys.stderr, flush=True)
    return result


def paired(found: dict[str, Any], text: str, key: str) -> dict[str, Any]:
    """Difference from ReLU at the last epoch, seed by seed."""
    ours, relus = (np.array(found["activations"][t][key][-1]["per_seed"]) for t in (text, "relu"))
    return estimate(ours - relus)


def shown(one: dict[str, Any], *, sign: bool = False) -> str:
    half = 0.0 if one["ci"] is None else (one["ci"][1] - one["ci"][0]) / 2
    return f"{100 * one['mean']:{'+' if sign else ''}.2f} ± {100 * half:.2f}"


def main(n_seeds: int, folder: Path) -> None:
    torch.set_num_threads(1)
    settings = [setting(data, lr, n_seeds) for data, lr in SETTINGS]
    surrogates = [t for t in ACTIVATIONS if catalogue.resolve(t).surrogate is not None]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "dead_units.json",
               {"seeds": n_seeds, "epochs": EPOCHS, "settings": settings})  # fmt: skip
    figure = plot_dying(settings, surrogates=surrogates)
    write_atomically(folder / "dead_units.png", figure_bytes(figure, "png"))
    print(f"\nlast epoch, percent, mean ± 95 % over {n_seeds} seeds")
    print("| data, rate | activation | off everywhere | stuck | off on average | accuracy | "
          "off everywhere − ReLU | accuracy − ReLU |\n|" + 8 * " --- |")  # fmt: skip
    for found in settings:
        for text, curves in found["activations"].items():
            cells = [shown(curves[key][-1]) for key in ("static", "stuck", "total", "accuracy")]
            for key in ("static", "accuracy"):
                against = paired(found, text, key)
                cells.append("" if text == "relu" else shown(against, sign=True))
            print(f"| {found['title']} | `{text}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8,
         Path(sys.argv[2] if len(sys.argv) > 2 else "dead-units"))  # fmt: skip
