"""ReLU budgets: counting, and moving to other stages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from rescu_cli.api.accuracies import accuracy_difference, accuracy_over_seeds
from rescu_cli.api.trials import Progress, load_examples
from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from rescu_cli.network.toy.examples import Examples


def count_relus(
    network: str | nn.Module,
    input_shape: str | Sequence[int] | None = None,
    *,
    latency: str | None = None,
    stem: Sequence[str] | None = None,
    classes: int | None = None,
) -> dict[str, Any]:
    """ReLUs and FLOPs of a network for one example.

    Args:
        network: A module, what names one for `rescu_cli.network.load_model`, or a name of the table
            (resnet18, resnet34, wrn22_8, vgg16, …).
        input_shape: Of one example, ``3x32x32`` or numbers. Without it tables take 3x32x32 (or
            3x224x224) and a network that begins with a dense layer that layer's width.
        latency: Cost model, ``relu=20us,mac=0.5ns``.
        stem: Names of the layers all of whose ReLUs are the stem's; seen from the structure if
            None.
        classes: Of a network of the table.

    Returns:
        ``total``, ``total_without_stem``, ``by_stage``, ``macs``, ``flops`` (two per MAC), …, as in
        the command line's JSON.

    Raises:
        UsageError: If something does not fit, or no ReLU is met.

    Example:
        >>> import rescu_cli as rescu
        >>> count = rescu.count_relus("resnet18", "3x32x32")
        >>> count["total"], count["total_without_stem"]
        (557056, 491520)
    """
    from rescu_cli.network import load_model
    from rescu_cli.network.relus.counting import count_relus as count
    from rescu_cli.network.relus.latency import parse_latency
    from rescu_cli.network.relus.zoo import KNOWN, build_known

    model = parse_latency(latency) if latency is not None else None
    name = network if isinstance(network, str) else type(network).__name__
    known = isinstance(network, str) and network in KNOWN
    shape = _shape(input_shape)
    if known:
        shape = shape or ((3, 224, 224) if name.endswith("_imagenet") else (3, 32, 32))
        built = build_known(name, shape, classes)
    else:
        if classes is not None:
            raise UsageError("The number of classes is that of a network of the table; yours has "
                             "its own.")  # fmt: skip
        if isinstance(network, str) and re.fullmatch(r"\w+", network):
            raise UnknownNameError("network", network, sorted(KNOWN),
                                   "Or a file: FILE.npz, FILE.pt, path.py:name.")  # fmt: skip
        built = load_model(network) if isinstance(network, str) else network
        shape = shape or _first_width(built)
    result = count(built, shape, name=name, stem=stem).to_dict()
    result["latency"] = None if model is None else model.of(result["total"], result["macs"])
    return result


def reshape(
    order: str,
    *,
    stages: int | None = None,
    ties: bool = False,
    least: int = 1,
    largest: int | None = None,
    channels: int = 64,
    size: int = 32,
    layers: int = 4,
) -> dict[str, Any]:
    """All minimal channel multipliers that give more critical stages more ReLUs.

    Args:
        order: ``S3,S2,S4,S1``, most critical first.
        stages: How many there must be; as many as are named if None.
        ties: Whether neighbours in the order may have equally many.
        least: Smallest multiplier.
        largest: Largest multiplier; without it none is lost.
        channels: Of the first stage, for the counts.
        size: Height and width of the first stage, for the counts; must halve from stage to stage.
        layers: ReLU layers per stage, for the counts.

    Raises:
        UsageError: If the order is no permutation of the stages, or a number is out of range.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.reshape("S3,S2,S4,S1", least=2)["solutions"]
        [[5, 5, 3], [5, 7, 2], [6, 6, 2], [7, 5, 2]]
    """
    from rescu_cli.network.reshape import parse_order
    from rescu_cli.network.reshape import reshape as solve

    found = solve(parse_order(order, stages, ties=ties), least=least, largest=largest)
    return found.to_dict(channels, size, layers)


def train_reshaped(
    multipliers: Sequence[int],
    *,
    data: str | Examples = "digits",
    channels: int = 2,
    seeds: int = 3,
    epochs: int = 30,
    lr: float = 1e-3,
    judge: str = "test",
    order: str | None = None,
    ties: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """A small network with these multipliers and a plain one with as many ReLUs, over seeds.

    Args:
        multipliers: A solution of `reshape`.
        data: Square images.
        channels: Of the reshaped network's first stage.
        seeds: Networks of each kind, at least 1.
        epochs: Of each.
        lr: First learning rate.
        judge: test or validation.
        order: What the multipliers must be a solution of; nothing is required if None.
        ties: Whether neighbours in the order may have equally many ReLUs.
        progress: Called with epochs done and epochs in all.

    Raises:
        UsageError: If the data are no such images, a number is out of range, or the multipliers
            do not follow the order.
    """
    from rescu_cli.experiment.threads import one_thread_per_kernel
    from rescu_cli.network.reshaped import make_pair
    from rescu_cli.network.reshaped import train_reshaped as train
    from rescu_cli.network.toy.training import Training

    if seeds < 1 or channels < 1:
        raise UsageError(f"{seeds} seeds and {channels} channels asked; at least 1 of each.")
    _require_solution(multipliers, order, ties)
    examples = load_examples(data, None, judge)
    pair, training = make_pair(tuple(multipliers), examples, channels), Training(epochs, lr)
    kinds = {"reshaped": pair.reshaped, "plain": pair.plain}
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    done = 0
    with one_thread_per_kernel():
        for seed in range(seeds):
            for kind, widths in kinds.items():
                found[kind].append(train(examples, widths, training, seed))
                done += epochs
                if progress is not None:
                    progress(done, 2 * seeds * epochs)
    scores = {kind: [run["accuracy"] for run in runs] for kind, runs in found.items()}
    return {
        "multipliers": list(multipliers), "data": examples.name, "judge": judge,
        "seeds": list(range(seeds)), "epochs": epochs, "lr": lr,
        **{
            kind: {**runs[0], "accuracy": accuracy_over_seeds(scores[kind])}
            for kind, runs in found.items()
        },
        "difference": accuracy_difference(scores["reshaped"], scores["plain"]),
    }  # fmt: skip


def _require_solution(multipliers: Sequence[int], order: str | None, ties: bool) -> None:
    from rescu_cli.network.reshape import parse_order

    whole = all(isinstance(m, int) and not isinstance(m, bool) and m >= 1 for m in multipliers)
    if not multipliers or not whole:
        raise UsageError(f"Multipliers {list(multipliers)} asked; they must be whole numbers of at "
                         "least 1.")  # fmt: skip
    if order is None:
        return
    wanted = parse_order(order, ties=ties)
    if len(multipliers) != wanted.n_multipliers:
        raise UsageError(f"The order {wanted} takes {wanted.n_multipliers} multipliers; found "
                         f"{len(multipliers)}.")  # fmt: skip
    if not wanted.holds(multipliers):
        raise UsageError(
            f"The multipliers {', '.join(map(str, multipliers))} are no solution of {wanted}: the "
            "stages' ReLUs do not follow it. 'rescu net reshape' shows solutions."
        )


def _shape(given: str | Sequence[int] | None) -> tuple[int, ...]:
    if given is None:
        return ()
    try:
        if isinstance(given, str):
            sizes = tuple(int(part) for part in given.lower().split("x"))
        else:  # not int(): it would take 32.7 for 32
            sizes = tuple(index(part) for part in given)
    except (ValueError, TypeError):
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise UsageError(f"Cannot read the shape {given!r}; write it like 3x32x32, one example "
                         "without the batch.")  # fmt: skip
    return sizes


def _first_width(model: nn.Module) -> tuple[int, ...]:
    from torch import nn as layers

    first = next((m for m in model.modules() if not any(m.children())), None)
    if isinstance(first, layers.Linear):
        return (first.in_features,)
    raise UsageError("Say which input the network takes: --input 3x32x32, one example without the "
                     "batch.")  # fmt: skip
