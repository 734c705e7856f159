"""One seed: train, prune, rewind to the first weights, train again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from rescu_cli.network.dead.measure import dead_rates
from rescu_cli.network.dead.rates import OffCounts
from rescu_cli.network.prune.criteria import Places, Weights, least_moved_negative, size, smallest
from rescu_cli.network.prune.masks import Masks, snapshot, weights_of
from rescu_cli.network.prune.plan import PrunePlan
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import MakeActivation, build_toy
from rescu_cli.network.toy.training import accuracy, fit, logits

_DIVERGED = "The training of round {} diverged: its numbers are no longer finite."


@dataclass(frozen=True, eq=False)
class Round:
    """A trained network of a pruning run.

    Args:
        number: 0 for the whole network.
        masks: Which weights it has.
        accuracy: On the test part.
        dead: Of all hidden units, on the test part.
        by_magnitude: How many weights were pruned before it by size.
        by_ap: How many by AP.
        note: What was not as asked; '' if nothing.
    """

    number: int
    masks: Masks
    accuracy: float
    dead: OffCounts
    by_magnitude: int = 0
    by_ap: int = 0
    note: str = ""


@dataclass(frozen=True, eq=False)
class SeedRun:
    """The rounds of one method and one seed.

    Args:
        method: Of `METHODS`.
        seed: Of the weights and the order of the examples.
        rounds: From round 0; fewer than asked if pruning had to stop, none if the training of the
            whole network diverged.
        stopped: Why it did; '' if it did not.
    """

    method: str
    seed: int
    rounds: tuple[Round, ...]
    stopped: str = ""


def prune_seed(
    plan: PrunePlan,
    examples: Examples,
    activation: MakeActivation,
    gain: float,
    seed: int,
    *,
    progress: Callable[[], None] | None = None,
) -> list[SeedRun]:
    """All methods from the same first weights, the same order of examples, the same round 0.

    Every round starts from the first weights, bit for bit where they are left and 0 elsewhere, and
    is trained on the same batches; after every step the pruned weights are put back to 0.

    Args:
        plan: What to do.
        examples: Data.
        activation: Makes a layer.
        gain: Of the initialisation.
        seed: Of weights and order.
        progress: Called after every training.

    Returns:
        One run per method, in the order of the plan.
    """
    model = build_toy(plan.model, examples, activation, seed, hidden=plan.hidden, gain=gain)
    first = snapshot(model)

    def trained(
        number: int, masks: Masks, by_magnitude: int = 0, by_ap: int = 0, note: str = ""
    ) -> Round | None:
        rewind(model, first, masks)
        fit(model, examples, plan.training, seed, after_step=lambda: masks.apply(model))
        if progress is not None:
            progress()
        if _diverged(model, examples):
            return None
        return Round(
            number, masks, accuracy(model, examples.x_test, examples.y_test),
            dead_rates(model, examples.x_test, threshold=plan.threshold).off,
            by_magnitude, by_ap, note,
        )  # fmt: skip

    whole = trained(0, Masks.full(model))
    if whole is None:
        return [SeedRun(method, seed, (), _DIVERGED.format(0)) for method in plan.methods]
    after_whole = snapshot(model)
    runs = []
    for method in plan.methods:
        model.load_state_dict(after_whole)
        rounds, stopped = [whole], ""
        while len(rounds) <= plan.rounds and not stopped:
            before = rounds[-1].masks
            masks, by_magnitude, by_ap, note = pruned(plan, method, model, first, before)
            if by_magnitude + by_ap == 0:
                stopped = f"{before.n_kept} weights are left; {plan.rate:g} of them is none."
            elif masks.emptied:
                stopped = (
                    f"Round {len(rounds)} would leave {', '.join(masks.emptied)} without a weight, "
                    "and nothing would pass it."
                )
            else:
                done = trained(len(rounds), masks, by_magnitude, by_ap, note)
                if done is None:
                    stopped = _DIVERGED.format(len(rounds))
                else:
                    rounds.append(done)
        runs.append(SeedRun(method, seed, tuple(rounds), stopped))
    return runs


def _diverged(model: nn.Module, examples: Examples) -> bool:
    """Whether training has left weights that are not finite, or that give what is not."""
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        return True
    return not bool(logits(model, examples.x_test).isfinite().all())


def rewind(model: nn.Module, first: Weights, masks: Masks) -> None:
    """The first weights again, those that are pruned 0."""
    model.load_state_dict(dict(first))
    masks.apply(model)


def pruned(
    plan: PrunePlan, method: str, model: nn.Module, first: Weights, masks: Masks
) -> tuple[Masks, int, int, str]:
    """The next masks, how many weights went by size and by AP, and what was not as asked.

    First the smallest weights go, then AP takes its part of what is left. Where there are fewer
    negative weights than it should take, the smallest others go in their place, so that methods
    stay comparable round by round.
    """
    weights = {name: weight.detach() for name, weight in weights_of(model).items()}
    by_magnitude, by_ap = plan.counts(method, masks.n_kept)
    masks = masks.without(smallest(weights, masks, by_magnitude))
    if not by_ap:
        return masks, by_magnitude, 0, ""
    found: Places = least_moved_negative(weights, first, masks, by_ap)
    masks, missing = masks.without(found), by_ap - size(found)
    if not missing:
        return masks, by_magnitude, by_ap, ""
    masks = masks.without(smallest(weights, masks, missing))
    note = (
        f"AP was to take {by_ap} negative weights and found {by_ap - missing}; {missing} went by "
        "size instead."
    )
    return masks, by_magnitude + missing, by_ap - missing, note
