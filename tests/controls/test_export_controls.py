"""Negative controls: artifacts that are wrong on purpose must be caught by the check.

Each fault is one that was found in public implementations, put into otherwise correct text.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescu_cli import catalogue
from rescu_cli.core.reference import What
from rescu_cli.export import check, emit
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.document import prose

FAULTS: tuple[tuple[str, str, str, str, str, What], ...] = (
    # activation, target, right, wrong, what the fault is, where it shows
    ("smelu:beta=0.5", "numpy", "capped * capped * 0.5", "capped * capped * 0.5 / 2",
     "0.5*x*beta/4 for 0.5*x + beta/4: the quadratic too flat, jumps at both joints", "value"),
    ("smelu:beta=0.5", "numpy", "np.clip(x + 0.5, 0.0, 1.0)", "np.clip(x + 0.5, 0.0, 1.01)",
     "a gradient that overshoots by one percent", "gradient"),
    ("smelu:beta=0.5", "torch", "x.add(0.5).clamp_", "x.add(0.500001).clamp_",
     "a joint at the wrong place, by a millionth", "value"),
    ("smelu", "numpy", "np.maximum(beta * 4.0, tiny)", "np.maximum(beta * 3.999, tiny)",
     "a constant off in the fourth digit", "value"),
    ("relu", "numpy", "np.heaviside(x, 0.0)", "np.heaviside(x, 1.0)", "the other tie", "gradient"),
    ("relu", "numpy", "np.heaviside(x, 0.0)", "(x > 0) * 1.0", "a comparison that loses NaN", "gradient"),
    ("swish:k=1", "numpy", "np.maximum(x, -1000.0)", "x", "-inf times 0", "value"),
    ("softplus:k=1", "numpy", "np.log1p(np.exp(-np.abs(x)))", "np.log(1.0 + np.exp(-np.abs(x)))",
     "the tail of softplus lost to 1 + tiny", "value"),
    ("mish", "numpy", "np.minimum(x, 25.0)", "np.minimum(x, 250.0)", "an overflowing exponential", "gradient"),
    ("gelu:k=1", "numpy", "-0.7071067811865476", "-0.7071", "a rounded constant", "value"),
)  # fmt: skip


def broken(artifact: Artifact, right: str, wrong: str) -> Artifact:
    assert right in artifact.text, "the control no longer matches the text; write it anew"
    return replace(artifact, text=artifact.text.replace(right, wrong))


@pytest.mark.filterwarnings("ignore:.*encountered in.*:RuntimeWarning")
@pytest.mark.parametrize(
    ("text", "target", "right", "wrong", "fault", "where"), FAULTS, ids=[f[4] for f in FAULTS]
)
def test_the_fault_is_caught(
    text: str, target: str, right: str, wrong: str, fault: str, where: What
) -> None:
    artifact = emit(catalogue.resolve(text), target)
    assert check(artifact, exhaustive=False, n_samples=200).ok
    report = check(broken(artifact, right, wrong), exhaustive=False, n_samples=200)
    assert not report.ok, fault
    assert not all(by_what[where].ok for by_what in report.comparisons.values()), fault


def test_a_wrong_backward_pass_is_caught_though_the_plain_gradient_is_right() -> None:
    """The autograd function is run too: its gradient is what users train with."""
    artifact = emit(catalogue.resolve("smelu:beta=0.5"), "torch")
    fault = broken(artifact, "* slope(wide)).to(x.dtype)", "* slope(wide) * 1.001).to(x.dtype)")
    report = check(fault, exhaustive=False, n_samples=100)
    assert [c.ok for c in report.comparisons["float32"].values()] == [True, False]


def test_a_fault_at_a_single_float16_is_caught_by_the_exhaustive_check() -> None:
    """A sample would most likely miss it."""
    artifact = emit(catalogue.get("relu"), "numpy")
    fault = broken(
        artifact, "result = np.maximum(x, 0.0)", "result = np.maximum(x, 0.0) + (x == 1234.0)"
    )
    report = check(fault, dtypes=["float16"])
    found = report.comparisons["float16"]["value"]
    assert (found.beyond, found.worst_x) == (0, 1234.0) or (found.beyond, found.worst_x) == (
        1,
        1234.0,
    )
    assert found.max_ulp == 1.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('x"""\nraise SystemExit\n"""', "x''' raise SystemExit '''"),
        ("100 % \\input{secret}", "100 % /input{secret}"),
        ('ends in "', "ends in '"),
        ("größe\r\nnext", "gr??e next"),
    ],
)
def test_prose_cannot_become_code(text: str, shown: str) -> None:
    """Summaries, meanings and citations land in docstrings and comments.

    An activation refuses such texts when it is built; should one get by, it ends no docstring.
    """
    assert prose(text) == shown
