"""Where the time of `compare` goes: shares by kind of work, beside the floor of each.

    python benchmarks/profile_training.py [N]

One stack of 3·N/2 models (N = 20 by default, what each of two cores gets) in one thread, profiled
kernel by kernel. The floor of the products is their arithmetic at the speed of one large product
on this machine; that of the rest is one pass over the memory it must touch.
"""

from __future__ import annotations

import sys
import time

import torch

from rescu_cli.catalogue import resolve
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.train import Member, Recipe, _train_stack
from rescu_cli.export import torch_functions

EPOCHS = 5
PRODUCTS = {"aten::bmm", "aten::baddbmm"}
OPTIMIZER = {"aten::_fused_adam_", "aten::_foreach_add_"}
GATHER = {"aten::index_select", "aten::_softmax", "aten::sub_", "aten::div_", "aten::sum"}
NAMES = ("relu", "smelu", "swish")


def product_speed() -> float:
    """Floating-point operations per second of a large product in one thread."""
    a = torch.randn(1024, 1024)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best


def main(n_seeds: int) -> None:
    torch.set_num_threads(1)
    data = load_dataset("digits")
    activations = [resolve(name).with_defaults() for name in NAMES]
    codes = [torch_functions(activation) for activation in activations]
    recipe = Recipe(
        model="mlp",
        hidden=(128, 64),
        norm="none",
        vary=("init", "order"),
        epochs=EPOCHS,
        lr=1e-3,
        batch_size=64,
        dtype="float32",
        device="cpu",
    )
    members = [
        Member(number, activation.init_gain, seed)
        for number, activation in enumerate(activations)
        for seed in range(n_seeds // 2)
    ]

    def train() -> float:
        start = time.perf_counter()
        _train_stack(codes, members, data, None, recipe, lambda epoch: None)
        return time.perf_counter() - start

    train()
    wall = min(train() for _ in range(3))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        train()
    shares = dict.fromkeys(
        ("matrix products", "activations", "optimizer", "gather, loss, sums"), 0.0
    )
    for event in profile.key_averages():
        seconds = event.self_cpu_time_total / 1e6
        if event.key in PRODUCTS:
            shares["matrix products"] += seconds
        elif event.key in OPTIMIZER:
            shares["optimizer"] += seconds
        elif event.key in GATHER:
            shares["gather, loss, sums"] += seconds
        elif event.key.startswith("aten::"):
            shares["activations"] += seconds
    n = len(data.y_train)
    n_parameters = 64 * 128 + 128 * 64 + 64 * 10
    # Forward once, backward twice, but the first layer needs no gradient of its input.
    flops = 2 * (3 * n_parameters - 64 * 128) * n * EPOCHS * len(members)
    speed = product_speed()
    print(f"{len(members)} models, {EPOCHS} epochs, one thread: {wall:.2f} s")
    for name, seconds in shares.items():
        print(f"  {name:22}{seconds:8.3f} s {seconds / wall:7.0%}")
    rest = wall - sum(shares.values())
    print(f"  {'Python and dispatch':22}{rest:8.3f} s {rest / wall:7.0%}")
    print(
        f"products: {flops / 1e9:.1f} Gflop, {flops / shares['matrix products'] / 1e9:.0f} Gflop/s "
        f"reached, {speed / 1e9:.0f} Gflop/s of one large product, floor {flops / speed:.3f} s"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
