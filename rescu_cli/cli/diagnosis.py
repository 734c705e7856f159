"""What the machine has: versions, threads, optional packages."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from typing import Any

from rescu_cli import __version__

_PACKAGES = (
    ("sympy", "derivation and exact claims", "pip install sympy"),
    ("python-flint", "the reference, proofs by ball arithmetic", "pip install python-flint"),
    ("z3-solver", "proofs for all parameters, replays", "pip install z3-solver"),
    ("numpy", "exported code, statistics", "pip install numpy"),
    ("matplotlib", "figures", "pip install matplotlib"),
    ("torch", "training, the torch target", "pip install torch"),
    ("scikit-learn", "the data sets digits and breast_cancer", "pip install scikit-learn"),
    ("loky", "local worker processes", "pip install 'rescu-cli[cluster]'"),
    ("distributed", "training on a Dask cluster", "pip install 'rescu-cli[dask]'"),
    ("jax", "export --to jax --check", "pip install jax"),
    ("keras", "export --to keras --check", "pip install keras"),
    ("onnx", "export --to onnx --out", "pip install onnx"),
    ("onnxruntime", "export --to onnx --check", "pip install onnxruntime"),
    ("triton", "export --to triton --check", "pip install triton"),
)
_PROGRAMS = (
    ("gcc", "export --to c --check", "apt-get install gcc"),
    ("g++", "export --to cpp --check, torch.compile", "apt-get install g++"),
    ("node", "export --to javascript --check", "apt-get install nodejs"),
    ("rustc", "export --to rust --check", "apt-get install rustc"),
    ("nvcc", "export --to cuda --check", "install the CUDA toolkit"),
    ("julia", "export --to julia --check", "see julialang.org/downloads"),
)


def diagnose() -> list[dict[str, Any]]:
    """Rows of {what, found (null if missing), used_for, install}; nothing heavy is loaded."""
    rows: list[dict[str, Any]] = [
        _row("rescu", __version__, "this program"),
        _row("python", platform.python_version(), "everything"),
        _row("machine", f"{platform.system()} {platform.machine()}", "results are bit-equal only "
             "on the same machine, versions and threads"),
        _row("cores", str(os.cpu_count()), "training threads"),
    ]  # fmt: skip
    for name, purpose, install in _PACKAGES:
        try:
            found: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = None
        rows.append({"what": name, "found": found, "used_for": purpose, "install": install})
    for name, purpose, install in _PROGRAMS:
        rows.append({"what": name, "found": shutil.which(name), "used_for": purpose,
                     "install": install})  # fmt: skip
    return rows


def _row(what: str, found: str, purpose: str) -> dict[str, Any]:
    return {"what": what, "found": found, "used_for": purpose, "install": None}
