"""HeLU and shifted backward passes: the value is the base's, what is passed backward is not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from rescu_cli import catalogue
from rescu_cli.catalogue.recognise import recognise
from rescu_cli.certify import Verdict, certify
from rescu_cli.certify.recheck import recheck
from rescu_cli.core.activation import Activation
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.edges import every_value
from rescu_cli.core.reference import Reference
from rescu_cli.core.restrict import restrict
from rescu_cli.core.surrogate import LABEL, disagreement, forward, label, shift_backward
from rescu_cli.errors import ParameterError, UnsupportedError, UsageError
from rescu_cli.export import TARGETS, emit, lower, torch_functions

ALPHA = 0.05
RECTIFIERS = ("relu", "leaky_relu:alpha=0.1", "smelu:beta=1", "elu", "gelu", "softplus:k=2")


def backward(text: str | Activation, points: list[float]) -> list[float]:
    """What autograd passes through the exported function."""
    activation = catalogue.resolve(text) if isinstance(text, str) else text
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    torch_functions(activation).function(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return x.grad.tolist()


def test_the_forward_is_relu_bit_for_bit_on_every_half_and_bfloat16() -> None:
    for kind in ("float16", "bfloat16"):
        dtype = getattr(torch, kind)
        x = torch.from_numpy(every_value(kind).astype(np.float64)).to(dtype)
        ours, relus = (
            torch_functions(catalogue.resolve(t)).value(x).view(torch.int16)
            for t in ("helu:alpha=0.05", "relu")
        )
        assert torch.equal(ours, relus)


def test_the_forward_of_the_program_is_relus_arithmetic() -> None:
    def operations(text: str) -> list[str]:
        program = lower(catalogue.resolve(text))
        return [program.nodes[i].op for i in program.needed([program.value])]

    assert operations("helu:alpha=0.05") == operations("helu") == operations("relu")


@pytest.mark.parametrize("target", TARGETS)
def test_every_artifact_carries_the_label_and_relus_none(target: str) -> None:
    def words(name: str) -> str:
        text = emit(catalogue.resolve(name), target).text
        return " ".join(w for w in text.split() if w not in ("//", "#", "%", "*"))

    assert f"{LABEL} on (-alpha, 0]: relu at x + alpha" in words("helu")
    assert LABEL not in words("relu")


def test_the_gradient_check_passes_outside_the_interval_and_fails_inside() -> None:
    function = torch_functions(catalogue.resolve("helu:alpha=0.05")).function
    outside = torch.tensor([-3.0, -0.051, 0.001, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (outside,), eps=1e-6)
    inside = torch.tensor([-0.03], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(function, (inside,), eps=1e-6)


def test_gradient_passes_right_of_minus_alpha_only() -> None:
    near = float(np.nextafter(-ALPHA, 0))
    assert backward("helu:alpha=0.05", [-1.0, -ALPHA, near, -0.01, 0.0, 2.0]) == [0, 0, 1, 1, 1, 1]
    assert backward("relu", [-1.0, -ALPHA, near, -0.01, 0.0, 2.0]) == [0, 0, 0, 0, 0, 1]


def test_alpha_0_is_relu_without_a_label() -> None:
    zero = catalogue.resolve("helu:alpha=0")
    assert zero.surrogate is None
    assert zero.pieces == catalogue.get("relu").pieces
    assert label(zero) is None
    with pytest.raises(ParameterError, match="alpha > 0"):
        catalogue.resolve("helu:alpha=-0.1")


def test_verify_refutes_gradient_matches_with_a_witness_inside_the_interval() -> None:
    for text, where in (("helu", "(-alpha, 0]"), ("helu:alpha=0.05", "(-1/20, 0]")):
        certificate = certify(catalogue.resolve(text), evidence=True)
        claim = certificate["gradient_matches"]
        assert claim.status is Verdict.REFUTED
        assert LABEL in str(claim.reason) and where in str(claim.reason)
        witness = claim.witness or {}
        width = Fraction(witness.get("alpha", "1/20"))
        assert -width < Fraction(witness["x"]) <= 0
        assert recheck(certificate, catalogue.resolve(text)).ok


def test_every_other_claim_is_relus() -> None:
    """The claims speak of the value; only the stated gradient is another."""
    ours, relus = (certify(catalogue.resolve(t)) for t in ("helu:alpha=0.05", "relu"))
    differing = {
        c.claim
        for c in ours
        if (c.status, c.value) != (relus[c.claim].status, relus[c.claim].value)
    }
    assert differing == {"gradient_matches"}


def test_helu_is_relu_with_a_shifted_backward() -> None:
    shifted = shift_backward(catalogue.resolve("relu"), "0.05")
    helu = catalogue.resolve("helu:alpha=0.05")
    assert shifted.pieces == helu.pieces
    assert shifted.owners == helu.owners
    assert shifted.surrogate == helu.surrogate


@pytest.mark.parametrize("name", RECTIFIERS)
def test_a_shift_moves_the_gradient_and_keeps_the_value(name: str) -> None:
    base = catalogue.resolve(name).with_defaults()
    shifted = shift_backward(base, "0.25")  # a float, so that x + 0.25 is exact here
    truth, moved = Reference(base), Reference(shifted)
    points = [-4.0, -1.25, -1.0, -0.5, -0.25, -0.125, 0.0, 0.5, 0.75, 1.0, 3.0]
    for x in points:
        assert moved(x) == truth(x)
        assert moved(x, "gradient") == truth(x + 0.25, "gradient")
    exported = torch_functions(shifted)
    x = torch.linspace(-3, 3, 241, dtype=torch.float64)
    assert torch.equal(exported.value(x), torch_functions(base).value(x))
    assert backward(shifted, points) == pytest.approx(
        [truth(x + 0.25, "gradient") for x in points], rel=1e-14, abs=1e-15
    )
    assert certify(shifted, ["gradient_matches"])["gradient_matches"].status is Verdict.REFUTED


def test_the_interval_of_disagreement_is_no_wider_than_it_is() -> None:
    """Just outside both ends value and gradient agree, inside they do not; checked numerically."""
    for text, low, high in (("relu", -0.25, 0.0), ("smelu:beta=1", -1.25, 1.0)):
        shifted = shift_backward(catalogue.resolve(text), "0.25")
        reference = Reference(shifted)

        def gap(x: float, reference: Reference = reference) -> float:
            slope = (reference(x + 1e-7) - reference(x - 1e-7)) / 2e-7
            return abs(slope - reference(x, "gradient"))

        assert gap(low - 1e-3) < 1e-6 and gap(high + 1e-3) < 1e-6
        assert gap(low + 1e-2) > 1e-3 and gap(high - 1e-2) > 1e-3
    assert disagreement(catalogue.get("smelu")) is None
    assert disagreement(shift_backward(catalogue.resolve("gelu"), 1)) == "(-inf, inf)"


def test_the_interval_is_decided_without_simplifying(monkeypatch: pytest.MonkeyPatch) -> None:
    """That took minutes of the tanh form of GELU; where pieces agree, it must still be seen."""

    def slow(*args: object, **options: object) -> None:
        raise AssertionError("simplify was asked")

    shifted = [shift_backward(catalogue.resolve(n), "0.1") for n in ("gelu_tanh", "mish", "smelu")]
    monkeypatch.setattr("sympy.simplify", slow)
    assert [disagreement(a) for a in shifted] == ["(-inf, inf)", "(-inf, inf)", "(-11/10, 1)"]
    for name in ("gelu_tanh", "mish", "smelu", "elu", "squareplus", "smu"):
        assert disagreement(catalogue.get(name)) is None
    tiny = shift_backward(catalogue.resolve("softplus:k=2"), "2e-38")
    assert disagreement(tiny) == "(-inf, inf)"


def test_a_label_has_no_more_digits_than_one_can_read() -> None:
    for alpha in ("1e300", "1e-300", "1e38"):
        text = str(label(catalogue.resolve(f"helu:alpha={alpha}")))
        assert len(text) < 150
        assert "about" in text
    assert "1/20" in str(label(catalogue.resolve("helu:alpha=0.05")))


@pytest.mark.parametrize("alpha", ["0.3", "1/3", "0.1", "0.001", "2"])
def test_a_joint_that_is_no_float_does_not_stop_the_export(alpha: str) -> None:
    lower(catalogue.resolve(f"helu:alpha={alpha}"))


def test_shifts_that_make_no_sense_are_refused() -> None:
    relu = catalogue.resolve("relu")
    for wrong in (-1, float("inf"), float("nan"), "soon"):
        with pytest.raises(ParameterError, match="finite number, 0 or more"):
            shift_backward(relu, wrong)
    for wrong in ("1e39", "1e-39", "1e300"):
        with pytest.raises(ParameterError, match="a float32 holds"):
            shift_backward(relu, wrong)
    for right in ("3e38", "2e-38"):
        assert shift_backward(relu, right).surrogate is not None
    with pytest.raises(UsageError, match="rounds off no"):
        shift_backward(catalogue.resolve("tanh"), 1)
    with pytest.raises(UsageError, match="surrogate gradient already"):
        shift_backward(catalogue.resolve("helu:alpha=0.05"), 1)
    assert shift_backward(relu, 0) == relu
    mixed = replace(catalogue.resolve("hard_swish"), owners=("left", "right"))
    with pytest.raises(UnsupportedError, match="different sides"):
        shift_backward(mixed, 6)


def test_the_mark_survives_files_binding_and_assumptions() -> None:
    family = catalogue.get("helu")
    for one in (family, family.with_defaults()):
        again = Activation.from_dict(one.to_dict())
        assert again.surrogate == one.surrogate
        assert again.digest == one.digest
    old = family.to_dict()
    del old["surrogate"]  # as files were written before there were surrogates
    assert Activation.from_dict(old).surrogate is None
    narrowed = restrict(family, read_assumptions(["alpha < 1"]))
    assert label(narrowed) == label(family)


def test_the_forward_alone_is_the_base_without_the_surrogates_joints() -> None:
    for name in ("relu", "leaky_relu:alpha=0.1", "smelu:beta=1"):
        base = catalogue.resolve(name)
        alone = forward(shift_backward(base, "0.3"))
        assert [p.value for p in alone.pieces] == [p.value for p in base.pieces]
        assert (alone.breakpoints, alone.owners, alone.surrogate) == (
            base.breakpoints,
            base.owners,
            None,
        )
        assert certify(alone, ["gradient_matches"])["gradient_matches"].status is Verdict.PROVED
        assert forward(base) is base


def test_no_function_is_recognised_as_helu_by_its_value() -> None:
    plain = replace(catalogue.get("helu"), surrogate=None, name="foreign")
    assert not [s for s in recognise(plain) if s.startswith("helu")]


def test_a_stated_gradient_that_is_wrong_by_mistake_has_no_label_and_is_refuted() -> None:
    wrong = replace(catalogue.get("helu"), surrogate=None)
    assert label(wrong) is None
    claim = certify(wrong, ["gradient_matches"])["gradient_matches"]
    assert claim.status is Verdict.REFUTED
    assert LABEL not in str(claim.reason)
