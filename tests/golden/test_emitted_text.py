"""The emitted text, character by character: a change of it is a decision, seen in review.

The files hold numbers that the conformance tests check by running them; here only drift is caught.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rescu_cli import __version__, catalogue
from rescu_cli.export import TARGETS, emit

FOLDER = Path(__file__).parent / "text"
SPECS = ["relu", "smelu", "smelu:beta=0.5", "gsmelu", "rescu_smoothstep", "softplus", "swish",
         "gelu", "mish", "elu", "hard_swish"]  # fmt: skip


def text_of(spec: str, target: str) -> tuple[str, str]:
    """File name and text; the version is masked, so that a release does not touch every file."""
    artifact = emit(catalogue.resolve(spec), target)
    name = f"{spec.replace(':', '-').replace('=', '-')}.{target}.txt"
    return name, artifact.text.replace(f"rescu {__version__}", "rescu VERSION")


@pytest.mark.parametrize("target", sorted(TARGETS))
@pytest.mark.parametrize("spec", SPECS)
def test_text_is_as_reviewed(spec: str, target: str, request: pytest.FixtureRequest) -> None:
    name, text = text_of(spec, target)
    path = FOLDER / name
    if request.config.getoption("--update-golden", default=False):
        path.write_text(text)
    assert path.exists(), f"run: make golden, and review {path.name}"
    assert path.read_text() == text


def test_no_file_is_left_over() -> None:
    expected = {text_of(s, t)[0] for s in SPECS for t in TARGETS}
    assert {p.name for p in FOLDER.iterdir()} == expected


def test_the_formula_of_smelu_is_the_one_that_does_not_cancel() -> None:
    """relu(x) + max(β − |x|, 0)²/(4β), gradient clip((x + β)/(2β), 0, 1)."""
    _, text = text_of("smelu", "numpy")
    for part in ("np.abs(x)", "beta * 4.0", "np.maximum", "beta * 2.0"):
        assert part in text
    assert "where" not in text
