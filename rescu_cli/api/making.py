"""Code and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rescu_cli.api.named import resolve_all
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.export import Artifact


def generate(
    text: str,
    to: str = "torch",
    *,
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Artifact:
    """Code for one target; parameters left open take their documented defaults.

    Example:
        >>> import rescu_cli as rescu
        >>> print(rescu.generate("relu", "latex").text.splitlines()[0][:1])
        %
    """
    from rescu_cli.export import emit

    (activation,) = resolve_all([text], overrides)
    return emit(activation, to, name)


def draw(
    texts: Sequence[str],
    *,
    derivatives: int = 1,
    x_range: tuple[float, float] | None = None,
    sweep: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Figure:
    """Functions and their derivatives on aligned panels.

    Example:
        >>> import rescu_cli as rescu
        >>> len(rescu.draw(["smelu:beta=2"]).axes)
        2
    """
    from rescu_cli.core.sweep import parse_sweep
    from rescu_cli.plot import plot_activations, plot_sweep

    activations = resolve_all(texts, overrides)
    if sweep is None:
        ready = [a.with_defaults() for a in activations]
        return plot_activations(ready, derivatives=derivatives, x_range=x_range)
    if len(activations) != 1:
        raise UsageError(
            f"--sweep draws one activation over a parameter; found {len(activations)} activations."
        )
    plan = parse_sweep(sweep)
    (activation,) = activations
    return plot_sweep(
        activation, plan.parameter, plan.values, geometric=plan.geometric,
        derivatives=derivatives, x_range=x_range,
    )  # fmt: skip
