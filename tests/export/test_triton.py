"""The Triton artifact, by the interpreter, and compiled for a GPU that is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli import catalogue
from rescu_cli.export import check, emit
from rescu_cli.export.targets import TARGETS
from tests.export.compilers import need_packages

need_packages("triton")

NAMES = catalogue.names()
FREE = tuple(n for n in NAMES if catalogue.get(n).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference(name: str) -> None:
    """Forward and backward; the interpreter truncates bfloat16, which is therefore left out."""
    report = check(catalogue.get(name), "triton", exhaustive=False, n_samples=150)
    assert report.tool.startswith("triton ") and report.tool.endswith("(interpreter)")
    assert set(report.comparisons) == set(TARGETS["triton"].formats)
    assert report.comparisons["float32"]["gradient"].ways == ("gradient", "backward")
    assert report.ok, report.to_dict()


@pytest.mark.parametrize(
    "text",
    ["smelu:beta=1e30", "smelu:beta=0.3", "rescu_laplace:beta=1e-30", "softplus:k=40",
     "squareplus:c=1e-30", "sau:alpha=0.15,s=5e-5", "gelu:k=3.7", "celu:alpha=1e-20"],
)  # fmt: skip
def test_agrees_at_extreme_parameters(text: str) -> None:
    report = check(
        catalogue.resolve(text), "triton", ["float32", "float64"], exhaustive=False, n_samples=100
    )
    assert report.ok, report.to_dict()


_BEHAVIOUR = """
import importlib.util, sys, json
import numpy as np
import torch

def loaded(name, folder):
    spec = importlib.util.spec_from_file_location(name, f"{folder}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

folder, free = sys.argv[1], json.loads(sys.argv[2])
np.seterr(all="ignore")
for name, starts in free.items():
    results = []
    for module in (loaded(f"{name}_triton", folder), loaded(f"{name}_torch", folder)):
        x = torch.linspace(-3.1, 3.3, 57, dtype=torch.float64).requires_grad_()
        ps = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in starts]
        y = getattr(module, name)(x, *ps)
        upstream = torch.linspace(1, 2, 57, dtype=torch.float64)
        results.append([y.detach(), *torch.autograd.grad(y, (x, *ps), upstream)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-11, atol=1e-12), (name, a, b)

module = loaded("smelu_triton", folder)
smelu, gradient = module.smelu, module.smelu_gradient
x = torch.linspace(-2, 2, 24).reshape(4, 6)
assert torch.equal(smelu(x.t()[::2]), smelu(x.t()[::2].contiguous()))
assert smelu(torch.empty(0, 3)).shape == (0, 3) and smelu(torch.tensor(0.0)).item() == 0.25
per_channel = torch.tensor([0.2, 1.0, 3.0, 0.5, 0.7, 2.0], requires_grad=True)
out = smelu(x, per_channel)
for i, b in enumerate(per_channel.tolist()):
    assert torch.equal(out[:, i], smelu(x[:, i], b))
out.sum().backward()
assert per_channel.grad.shape == (6,)
wide, thin = torch.full((4, 1), 0.3, requires_grad=True), torch.zeros(3, requires_grad=True)
smelu(thin, wide).sum().backward()
assert thin.grad.shape == (3,) and wide.grad.shape == (4, 1)
big = torch.linspace(-2, 2, 5000)
assert torch.equal(smelu(big)[4999], big[4999]) and gradient(big)[4999] == 1
half = torch.linspace(-2, 2, 33, dtype=torch.float16)
assert torch.equal(smelu(half), smelu(half.float()).half())
brain = torch.linspace(-2, 2, 33, dtype=torch.bfloat16)
out = smelu(brain)
assert out.dtype == torch.bfloat16
assert torch.allclose(out.float(), smelu(brain.float()), rtol=2**-7, atol=1e-6)
edges = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0])
assert smelu(edges)[1:].tolist() == [float("inf"), 0.0, 1.0] and smelu(edges)[0].isnan()
assert gradient(edges)[1:].tolist() == [1.0, 0.0, 1.0] and gradient(edges)[0].isnan()
saved = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
    leaf = x.clone().requires_grad_()
    smelu(leaf)
assert [t.data_ptr() for t in saved] == [leaf.data_ptr()]
try:
    smelu(torch.tensor([1, 2]))
except TypeError as error:
    assert "smelu takes a float tensor; found torch.int64. Use x.float()." in str(error)
else:
    raise AssertionError("integers were taken")
print("fine")
"""


def test_gradients_broadcasting_strides_formats_and_edges(tmp_path: Path) -> None:
    """Gradients by x and every parameter are those of the torch artifact, in float64."""
    import json

    free = {n: [float(p.default) * 1.1 + 0.07 for p in catalogue.get(n).parameters] for n in FREE}
    for name in FREE:
        for target in ("triton", "torch"):
            text = emit(catalogue.get(name), target).text
            (tmp_path / f"{name}_{target}.py").write_text(text)
    (tmp_path / "script.py").write_text(_BEHAVIOUR)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path), json.dumps(free)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "TRITON_INTERPRET": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "fine", done.stderr


_COMPILED = """
import sys
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

for path in sys.argv[1:]:
    import importlib.util
    spec = importlib.util.spec_from_file_location("generated", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kernel = module._kernel
    fixed = [n for n in kernel.arg_names if n.endswith("_is_one")]
    for kind, wide in (("fp32", tl.float32), ("fp64", tl.float64), ("bf16", tl.float32)):
        for which in range(2 + len(fixed)):
            held = {**dict.fromkeys(fixed, True), "wide": wide, "which": which, "block": 1024}
            types = {
                n: "constexpr" if n in held else "i64" if n == "n"
                else f"*{kind}" if n in ("x_at", "upstream_at", "result_at") else f"*{wide}"
                for n in kernel.arg_names
            }
            constants = {(kernel.arg_names.index(n),): v for n, v in held.items()}
            compiled = triton.compile(
                ASTSource(kernel, types, constants), target=GPUTarget("cuda", 90, 32),
                options={"enable_fp_fusion": False},
            )
            text = compiled.asm["ptx"]
            assert "div.full" not in text and "sqrt.approx" not in text, (path, kind, which)
print("fine")
"""


def test_compiles_for_a_gpu_with_correctly_rounded_quotients(tmp_path: Path) -> None:
    """To PTX for sm_90, which needs no GPU: the compiler is stricter than the interpreter."""
    paths = []
    for name in ("smelu", "gelu", "softplus", "squareplus", "rescu_cosine"):
        paths.append(tmp_path / f"{name}.py")
        paths[-1].write_text(emit(catalogue.get(name), "triton").text)
    (tmp_path / "script.py").write_text(_COMPILED)
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), *map(str, paths)],
        capture_output=True, text=True, check=False,
        env={**environment, "TRITON_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_generated_python_fits_its_lines(name: str) -> None:
    text = emit(catalogue.get(name), "triton").text
    assert max(map(len, text.split('"""')[2].splitlines())) <= 88
    compile(text, name, "exec")


def test_text_is_as_the_formatter_writes_it() -> None:
    pytest.importorskip("ruff")
    for name in (*NAMES, "smelu:beta=0.3", "gelu:k=1"):
        text = emit(catalogue.resolve(name), "triton").text
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_numbers_that_float32_lacks_keep_their_digits_in_float64() -> None:
    """A literal beside a tensor is float32 in some versions of Triton."""
    text = emit(catalogue.resolve("smelu:beta=0.3"), "triton").text
    assert "_number(0.6, x)" in text or "_number(1.2, x)" in text
    report: Any = check(
        catalogue.resolve("smelu:beta=0.3"), "triton", ["float64"], exhaustive=False, n_samples=50
    )
    assert report.comparisons["float64"]["value"].max_ulp < 2
    assert np.isfinite(report.comparisons["float64"]["value"].max_ulp)
