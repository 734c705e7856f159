"""Dead units while a toy network is trained: are they born, and do they come back?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rescu_cli.errors import UsageError
from rescu_cli.network.dead.measure import dead_rates
from rescu_cli.network.dead.rates import OffCounts
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import MakeActivation, build_toy
from rescu_cli.network.toy.training import Training, accuracy, fit

NO_GRADIENT = 1e-6
"""|f′| below it counts as none: slopes are 0, or 0.01 and more, in what is compared here."""


@dataclass(frozen=True)
class Moment:
    """A network at the end of an epoch.

    Args:
        epoch: 0 before training.
        accuracy: On the test part.
        off: Of all hidden units, on the training part.
        stuck: The same with "nothing is passed backward" for "off"; static there means that no
            training input can move the unit. None if f could not be differentiated.
    """

    epoch: int
    accuracy: float
    off: OffCounts
    stuck: OffCounts | None


def dead_over_training(
    examples: Examples,
    activation: MakeActivation,
    gain: float,
    seed: int,
    training: Training,
    *,
    model: str = "mlp",
    hidden: Sequence[int] | None = None,
    every: int = 1,
    threshold: float = 0.0,
    progress: Callable[[], None] | None = None,
) -> tuple[Moment, ...]:
    """Trains a toy network and counts its dead units on the way.

    Looking does not change the training: the model is in the same state after it.

    Args:
        examples: Data.
        activation: Makes a layer.
        gain: Of the initialisation.
        seed: Of the weights and the order of the examples.
        training: Recipe.
        model: In the table of toy models.
        hidden: Widths, or channels; the model's own if None.
        every: Epochs between two looks, ≥ 1; the last epoch is looked at in any case.
        threshold: A unit is off where the size of its output is at most this.
        progress: Called after every look.

    Raises:
        UsageError: If ``every`` is below 1, or the data do not suit the model.
    """
    if every < 1:
        raise UsageError(f"A look every {every} epochs asked; at least 1.")
    network = build_toy(model, examples, activation, seed, hidden=hidden, gain=gain)
    moments: list[Moment] = []

    def look(epoch: int) -> None:
        if epoch % every and epoch != training.epochs:
            return
        found = dead_rates(
            network, examples.x_train, threshold=threshold, tolerance=NO_GRADIENT, batch_size=1024
        )
        right = accuracy(network, examples.x_test, examples.y_test)
        moments.append(Moment(epoch, right, found.off, found.saturated))
        if progress is not None:
            progress()

    look(0)
    fit(network, examples, training, seed, after_epoch=look)
    return tuple(moments)
