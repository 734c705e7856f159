"""The table of targets; light, because the command line names them in its help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One target; modules of its name print it (``backends/``) and run it (``runners/``).

    Args:
        summary: What the text is, for lists.
        formats: Float formats in which a check runs it; none if it is text to read.
        wide: Whether members with library functions are computed in float64 and rounded once.
    """

    summary: str
    formats: tuple[str, ...] = ()
    wide: bool = False


WIDE = ("float32", "float64")

TARGETS: dict[str, Row] = {
    "torch": Row("Python functions, an autograd function and a module for PyTorch",
                 ("float16", "bfloat16", *WIDE)),
    "numpy": Row("Python functions for NumPy arrays", ("float16", *WIDE)),
    "jax": Row("Python functions for JAX, with a derivative rule for every transformation",
               ("float16", "bfloat16", *WIDE)),
    # Keras's own operations make float32 of float64.
    "keras": Row("a function and a layer for Keras 3, on any of its backends",
                 ("float16", "bfloat16", "float32")),
    # Triton's interpreter rounds bfloat16 otherwise than a GPU.
    "triton": Row("Triton kernels and an autograd function for PyTorch", ("float16", *WIDE)),
    "onnx": Row("an ONNX model with functions for value and gradient", WIDE),
    "c": Row("a C99 header: functions on float and double, loops over arrays", WIDE, wide=True),
    "cpp": Row("a C++17 header: templates and a function object", WIDE, wide=True),
    "cuda": Row("a CUDA header: device functions and elementwise kernels", WIDE),
    "rust": Row("a Rust module: functions on f64 and f32, loops over slices", WIDE, wide=True),
    "julia": Row("a Julia module of functions on any float type", ("float16", *WIDE), wide=True),
    "javascript": Row("an ES module: functions on numbers and typed arrays", ("float64",)),
    "sympy": Row("a Python module with the exact SymPy expressions", ("float64",)),
    "latex": Row("display formulas"),
}  # fmt: skip
