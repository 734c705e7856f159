"""What the checks need of a framework: float64 numbers in, float64 numbers out, and a gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.bind import Bound
from rescu_cli.errors import UnsupportedError

Array = npt.NDArray[np.float64]
Layout = Literal["contiguous", "strided", "transposed", "reversed", "expanded"]


class AbstractFramework(ABC):
    """What the checks need of a framework.

    Args:
        bound: The callable.
    """

    name: str
    formats: tuple[str, ...]
    native: str
    """The format that most users compute in: there, a result of another dtype is an error."""
    differentiable = False
    layouts: tuple[Layout, ...] = ("contiguous",)
    compiles = False
    """Whether every new shape costs a compilation."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound

    def function(self, kind: str) -> Callable[[Any], Any]:
        """The callable for inputs of a format."""
        return self.bound.function

    @abstractmethod
    def array(self, points: Array, kind: str, layout: Layout = "contiguous") -> Any:
        """``points`` in a format and a memory layout."""

    @abstractmethod
    def read(self, result: Any) -> Array | None:
        """A result as float64; None if it is no array of this framework."""

    @abstractmethod
    def dtype(self, result: Any) -> str:
        """Name of a result's dtype."""

    def gradient(self, x: Any, kind: str) -> Array:
        """d(sum of results)/dx by the framework's own differentiation.

        Raises:
            UnsupportedError: If it has none; ``differentiable`` says so beforehand.
        """
        raise UnsupportedError(f"{self.name} code has no automatic gradient; audit its values.")


def laid_out(x: Any, layout: Layout) -> Any:
    """The same numbers of a one-dimensional array in another memory layout.

    ``transposed`` gives two dimensions, read off row by row in the order of ``x``.
    """
    if layout == "contiguous":
        return x
    if layout == "reversed":
        return x[::-1].copy()[::-1]
    if layout == "strided":
        wide = x.repeat(2) if isinstance(x, np.ndarray) else x.repeat_interleave(2)
        return wide[::2]
    if layout == "expanded":
        if isinstance(x, np.ndarray):
            return np.broadcast_to(x, (3, len(x)))
        return x.expand(3, len(x))
    rows = len(x) // 2
    block = x[: 2 * rows].reshape(2, rows)
    if isinstance(x, np.ndarray):
        return np.ascontiguousarray(block.T).T
    return block.t().contiguous().t()
