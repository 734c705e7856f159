"""The table of frameworks, and the adaptors for NumPy and plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from rescu_cli.audit.adaptor import AbstractFramework, Array, Layout, laid_out
from rescu_cli.audit.bind import Bound
from rescu_cli.audit.tensors import JaxFramework, TorchFramework


class NumpyFramework(AbstractFramework):
    """Arrays of NumPy."""

    name, formats, native = "numpy", ("float16", "float32", "float64"), "float64"
    layouts = ("contiguous", "strided", "transposed", "reversed", "expanded")

    def array(self, points: Array, kind: str, layout: Layout = "contiguous") -> Any:
        with np.errstate(over="ignore"):
            x = points.astype(kind)
        return laid_out(x, layout)

    def read(self, result: Any) -> Array | None:
        if not isinstance(result, np.ndarray | np.generic) or result.dtype.kind not in "fiub":
            return None
        return np.asarray(result).astype(np.float64)

    def dtype(self, result: Any) -> str:
        return str(result.dtype)


class PythonFramework(AbstractFramework):
    """Plain numbers; a value that raises for one of them counts as NaN there."""

    name, formats, native = "python", ("float64",), "float64"

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound)
        self._raised: dict[float, str] = {}

    @property
    def raised(self) -> Mapping[float, str]:
        """Inputs at which arithmetic raised, with the error's text."""
        return MappingProxyType(self._raised)

    def function(self, kind: str) -> Callable[[Any], Any]:
        def over(xs: list[float]) -> list[float]:
            return [self._at(x) for x in xs]

        return over

    def _at(self, x: float) -> Any:
        try:
            return self.bound.function(x)
        except ArithmeticError as error:
            self._raised.setdefault(x, f"{type(error).__name__}: {error}")
        except ValueError as error:
            if "domain" not in str(error) and "range" not in str(error):
                raise
            self._raised.setdefault(x, f"{type(error).__name__}: {error}")
        return np.nan

    def array(self, points: Array, kind: str, layout: Layout = "contiguous") -> Any:
        return [float(v) for v in points.ravel()]

    def read(self, result: Any) -> Array | None:
        if not isinstance(result, list):
            return None
        plain = (bool, int, float, np.floating, np.integer)
        if not all(isinstance(v, plain) for v in result):
            return None
        return np.array([_as_float(v) for v in result], dtype=np.float64)

    def dtype(self, result: Any) -> str:
        return "float64"


FRAMEWORKS: dict[str, type[AbstractFramework]] = {
    "torch": TorchFramework,
    "jax": JaxFramework,
    "numpy": NumpyFramework,
    "python": PythonFramework,
}


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond every float
        return float("inf") if value > 0 else float("-inf")
