"""Nets trained per second against the number in a stack, and memory for a thousand; some minutes.

    python benchmarks/stack_curve.py [--epochs 2] [--data mnist1d]

For each size of a batch K: seconds for K networks (ReLU and SmeLU in turn), networks per second,
and the rate of multiplications and additions in the products as a share of what a large matrix
product reaches on this machine with the same number of threads, measured in the same run. Then
1,000 networks through `compare`, as a process of its own, with its peak resident memory against the
target of 4 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

import torch

from rescu_cli.catalogue import resolve
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.models import load_plan
from rescu_cli.experiment.train import Member, Recipe, train
from rescu_cli.export import torch_functions

HIDDEN, BATCH = (128, 64), 64
THOUSAND = """
import rescu_cli as rescu
report = rescu.compare(["relu", "smelu"], data={data!r}, seeds=500, epochs={epochs}, out={out!r})
print(report.n_models)
"""


def peak() -> float:
    """Multiply-adds per second of a product of two matrices of 2048², the best of five."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--data", default="mnist1d")
    options = parser.parse_args()
    data = load_dataset(options.data)
    recipe = Recipe(
        model="mlp", hidden=HIDDEN, norm="none", vary=("init", "order"), epochs=options.epochs,
        lr=1e-3, batch_size=BATCH, dtype="float32", device="cpu",
    )  # fmt: skip
    plan = load_plan("mlp", data, HIDDEN)
    products = plan.n_read * plan.n_outputs
    products += sum(layer.n_in * layer.n_out for layer in plan.layers)
    first = plan.layers[0].n_in * plan.layers[0].n_out
    # Forward, and twice backward but for the first layer, which needs no gradient of its input.
    per_net = (3 * products - first) * len(data.y_train) * options.epochs
    codes = [torch_functions(resolve(name).with_defaults()) for name in ("relu", "smelu")]
    top, threads = peak(), torch.get_num_threads()
    size = f"{len(data.y_train)} examples, {options.epochs} epochs"
    rate = f"{top / 1e9:.0f} GMAC/s in a large product"
    print(f"{options.data}: {size}, {threads} threads, {rate}")
    print(f"{'nets':>6}{'seconds':>10}{'nets/s':>9}{'of peak':>9}")
    for n in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        members = [Member(i % 2, 1.4, i // 2) for i in range(n)]
        best = float("inf")
        for _ in range(2 if n > 16 else 3):
            start = time.perf_counter()
            train(codes, members, data, recipe)
            best = min(best, time.perf_counter() - start)
        print(f"{n:6}{best:10.2f}{n / best:9.1f}{per_net * n / best / top:9.0%}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        text = THOUSAND.format(data=options.data, epochs=1, out=f"{folder}/run")
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        seconds = time.perf_counter() - start
        print(f"1000 nets, 1 epoch, compared: {seconds:.0f} s, peak {used:.2f} GB (target 4)")


if __name__ == "__main__":
    main()
