"""Every property has functions that must not get it: what a wrong prover would let through."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import CLAIMS, Certificate, Claim, Verdict, certify
from rescu_cli.core.activation import Activation, Kink, Piece
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.symbols import POSITIVE, REAL, Domain, Parameter, X
from rescu_cli.errors import DisagreementError, UndefinedActivationError, UsageError

TINY = sp.Rational(1, 10**9)
THIRD = sp.Rational(1, 3)
BETA = Parameter("beta", POSITIVE)


def pieces(
    values: list[sp.Expr],
    joints: tuple[sp.Expr, ...] = (),
    *,
    gradients: dict[int, sp.Expr] | None = None,
    parameters: tuple[Parameter, ...] = (),
    kink: Kink | None = None,
) -> Activation:
    """An activation from its values; gradients are their derivatives unless replaced."""
    ends = [-sp.oo, *joints, sp.oo]
    slopes = [sp.diff(sp.sympify(v), X) for v in values]
    for index, wrong in (gradients or {}).items():
        slopes[index] = wrong
    spans = zip(ends, ends[1:], strict=False)
    return Activation(
        "control",
        parameters,
        tuple(
            Piece(a, b, sp.sympify(v), g)
            for (a, b), v, g in zip(spans, values, slopes, strict=True)
        ),
        ("left",) * len(joints),
        kink=kink,
    )


def claim(activation: Activation, name: str) -> Claim:
    return certify(activation, [name])[name]


def smelu_like(extra: sp.Expr) -> Activation:
    """SmeLU at beta = 1 with something added to its middle piece."""
    return pieces([sp.S.Zero, (X + 1) ** 2 / 4 + extra, X], (sp.Integer(-1), sp.Integer(1)))


# -- continuity and smoothness ---------------------------------------------------------------


@pytest.mark.parametrize("jump", [TINY, -TINY, sp.Rational(1, 10**40), sp.exp(-200)])
def test_a_jump_in_value_is_never_continuous(jump: sp.Expr) -> None:
    found = claim(smelu_like(jump), "continuous")
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["x"] == "-1"
    for name in ("smooth", "convex", "rescu"):
        assert claim(smelu_like(jump), name).status is Verdict.REFUTED
    assert claim(smelu_like(jump), "gradient_lipschitz").value == "inf"


def test_a_jump_for_some_parameter_only_refutes_the_family() -> None:
    beta = BETA.symbol
    family = pieces([sp.S.Zero, X * (beta - 7)], (sp.S.One,), parameters=(BETA,))
    found = claim(family, "continuous")
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    assert found.witness["beta"] != "7"
    narrow = Parameter("beta", Domain(sp.Integer(7), sp.Integer(7), False, False))
    member = pieces([sp.S.Zero, X * (narrow.symbol - 7)], (sp.S.One,), parameters=(narrow,))
    assert claim(member, "continuous").status is Verdict.PROVED


@pytest.mark.parametrize("slope", [TINY, sp.Rational(1, 10**40)])
def test_a_gradient_jump_is_never_c1(slope: sp.Expr) -> None:
    bent = smelu_like(slope * (X**2 - 1))
    assert claim(bent, "continuous").status is Verdict.PROVED
    assert claim(bent, "smooth").value == "0"
    assert claim(bent, "gradient_lipschitz").value == "inf"
    assert claim(bent, "rescu").status is Verdict.REFUTED


@pytest.mark.parametrize("order", [2, 3, 5, 7])
def test_smoothness_ends_exactly_where_a_derivative_jumps(order: int) -> None:
    joined = pieces([sp.exp(X), sp.exp(X) + TINY * X**order], (sp.S.Zero,))
    assert claim(joined, "smooth").value == str(order - 1)


def test_equal_pieces_written_differently_are_infinitely_smooth() -> None:
    same = pieces([sp.tanh(X), 1 - 2 / (1 + sp.exp(2 * X))], (THIRD,))
    assert claim(same, "smooth").value == "inf"
    assert claim(pieces([X**3, X**3 + 0], (sp.S.One,)), "smooth").value == "inf"


def test_a_flat_exponential_joint_is_not_called_finite_or_infinite_without_proof() -> None:
    """0 left and e^(−1/x) right of 0 is C^∞, but the piece is singular at the joint."""
    flat = pieces([sp.S.Zero, sp.exp(-1 / X)], (sp.S.Zero,))
    assert claim(flat, "smooth").status is Verdict.UNDECIDED
    assert claim(flat, "continuous").status is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "value",
    [1 / X, 1 / (X**2 - 2), sp.log(X), sp.sqrt(X), sp.tan(X), sp.log(X**2), 1 / (sp.exp(X) - 1),
     (1 - sp.exp(-X)) / X, sp.sqrt(X**2 - TINY), 1 / (X**2 - X + sp.Rational(1, 4)),
     1 / (sp.cos(X) + 1), sp.log(sp.tanh(X)), 1 / ((X - THIRD) ** 2 - sp.Rational(1, 10**30))],
    ids=str,
)  # fmt: skip
def test_a_singularity_inside_a_piece_is_never_proved_away(value: sp.Expr) -> None:
    for found in decided(pieces([value])):
        if found.claim != "homogeneous":
            assert found.status is not Verdict.PROVED, found


def decided(activation: Activation) -> list[Claim]:
    """The claims one by one; asked about all, `certify` may refuse what is no function."""
    found = []
    for name in CLAIMS:
        try:
            found.append(certify(activation, [name])[name])
        except UndefinedActivationError as error:
            assert "complex at x = " in str(error) or "divides by zero at x = " in str(error)
    return found


@pytest.mark.parametrize(
    ("value", "fault"),
    [(sp.sqrt(X), "is complex at x = -"), (sp.log(X), "is complex at x = -"),
     (1 / X, "divides by zero at x = 0"), (1 / (X - THIRD) ** 2, "divides by zero at x = 1/3"),
     (sp.exp(X) * sp.sqrt(X**2 - 1), "is complex at x = 0")],
    ids=str,
)  # fmt: skip
def test_what_is_no_real_function_is_refused_by_name(value: sp.Expr, fault: str) -> None:
    with pytest.raises(UndefinedActivationError, match=fault):
        certify(pieces([value]))


def test_a_formula_that_is_complex_outside_its_piece_is_fine() -> None:
    """√x is used for x > 1 only."""
    assert claim(pieces([(X + 1) / 2, sp.sqrt(X)], (sp.S.One,)), "continuous").proved


def test_a_denominator_that_a_parameter_can_zero_is_not_divided_by() -> None:
    loose = Parameter("beta", REAL)
    b = loose.symbol
    for value in (X / b, sp.exp(X / b), 1 / (X**2 + b), sp.sqrt(X**2 + b), sp.log(b + sp.exp(X))):
        for found in decided(pieces([value], parameters=(loose,))):
            if found.claim != "homogeneous":
                assert found.status is not Verdict.PROVED, (value, found)


# -- gradient --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [X / 2 + THIRD, X / 2 + sp.Rational(1, 2) + TINY, (X + 1) / 2 + TINY * X**9,
     (X + 1) / 2 * (1 + sp.exp(-100)), X**2 / 2, -(X + 1) / 2],
    ids=str,
)  # fmt: skip
def test_a_wrong_gradient_piece_is_refuted(wrong: sp.Expr) -> None:
    bad = pieces(
        [sp.S.Zero, (X + 1) ** 2 / 4, X], (sp.Integer(-1), sp.Integer(1)), gradients={1: wrong}
    )
    found = claim(bad, "gradient_matches")
    assert found.status is Verdict.REFUTED
    assert found.witness


def test_a_wrong_gradient_does_not_leak_into_the_other_claims() -> None:
    """Monotone and the rest speak of f, not of what is claimed to be its gradient."""
    lying = pieces([-X], gradients={0: sp.S.One})
    assert claim(lying, "monotone").status is Verdict.REFUTED
    assert claim(lying, "gradient_range").value == ("-1", "-1")
    bent = pieces([sp.Abs(X).subs(sp.Abs(X), -X), X], (sp.S.Zero,), gradients={0: sp.S.One})
    assert claim(bent, "gradient_lipschitz").value == "inf"
    assert claim(bent, "smooth").value == "0"


def test_a_gradient_that_is_right_at_beta_1_only_is_refuted() -> None:
    """The value scales, so it is studied at beta = 1; the gradient need not scale with it."""
    smelu = catalogue.get("smelu")
    beta = smelu.free_parameters[0].symbol
    middle = smelu.pieces[1]
    for off in ((beta - 1) * TINY, (beta - 1) * X, sp.log(beta)):
        wrong = Piece(middle.lower, middle.upper, middle.value, middle.gradient + off)
        lying = Activation(
            "control", smelu.parameters, (smelu.pieces[0], wrong, smelu.pieces[2]), smelu.owners,
            kink=smelu.kink, scaling=smelu.scaling,
        )  # fmt: skip
        found = claim(lying, "gradient_matches")
        assert found.status is Verdict.REFUTED
        assert found.witness is not None
        assert found.witness["beta"] != "1"
        assert claim(lying, "gradient_range").value == ("0", "1")


# -- monotone, convex ------------------------------------------------------------------------


def test_a_dip_no_grid_can_see_is_refuted_with_a_point_in_it() -> None:
    width = sp.Rational(1, 10**30)
    gradient = (X - THIRD) ** 2 - width
    found = claim(pieces([sp.integrate(gradient, X)]), "monotone")
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    assert gradient.subs(X, sp.Rational(found.witness["x"])) < 0
    lifted = pieces([sp.integrate((X - THIRD) ** 2 + width, X)])
    assert claim(lifted, "monotone").status is Verdict.PROVED
    touching = pieces([sp.integrate((X - THIRD) ** 2, X)])
    assert claim(touching, "monotone").status is Verdict.PROVED


def test_a_concave_stretch_no_grid_can_see_is_refuted() -> None:
    width = sp.Rational(1, 10**30)
    curvature = (X - THIRD) ** 2 - width
    twice = sp.integrate(sp.integrate(curvature, X), X)
    found = claim(pieces([twice]), "convex")
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    assert curvature.subs(X, sp.Rational(found.witness["x"])) < 0


def test_a_dip_between_two_exponentials_is_not_overlooked() -> None:
    """f′ = (e^x − 2)² − 10^(−12) is negative only within 10^(−6) of ln 2."""
    gradient = sp.expand((sp.exp(X) - 2) ** 2 - sp.Rational(1, 10**12))
    dip = pieces([sp.integrate(gradient, X)])
    found = claim(dip, "monotone")
    assert found.status is Verdict.REFUTED
    safe = sp.expand((sp.exp(X) - 2) ** 2 + sp.Rational(1, 10**12))
    assert claim(pieces([sp.integrate(safe, X)]), "monotone").status is Verdict.PROVED


def test_a_dip_far_out_is_not_overlooked() -> None:
    """f′ = 1 + e^(x−1000)·(…) turns negative only beyond 1000."""
    far = X - sp.exp(X - 1000)
    assert claim(pieces([far]), "monotone").status is not Verdict.PROVED


def test_a_falling_jump_is_not_monotone_and_a_rising_one_is() -> None:
    down = pieces([X, X - TINY], (sp.S.Zero,))
    up = pieces([X, X + TINY], (sp.S.Zero,))
    assert claim(down, "monotone").status is Verdict.REFUTED
    assert claim(up, "monotone").status is Verdict.PROVED
    assert claim(up, "convex").status is Verdict.REFUTED


def test_a_gradient_that_falls_at_a_joint_is_not_convex() -> None:
    bent = pieces([X, X * (1 - TINY)], (sp.S.Zero,))
    assert claim(bent, "convex").status is Verdict.REFUTED
    assert claim(pieces([X, X * (1 + TINY)], (sp.S.Zero,)), "convex").status is Verdict.PROVED


def test_a_family_that_fails_only_for_some_parameters_is_not_proved() -> None:
    """f′ = 1 + x/β·… dips only for beta > 100: proved under beta <= 100, never without."""
    for text, wanted in (("beta > 0", Verdict.REFUTED), ("0 < beta <= 100", Verdict.PROVED)):
        known = read_assumptions([text])
        parameter = Parameter("beta", known.domains["beta"])
        b = parameter.symbol
        family = pieces(
            [X, X + (100 - b) * X**2 / 2, (101 - b) * (X - 1) + 1 + (100 - b) / 2],
            (sp.S.Zero, sp.S.One),
            parameters=(parameter,),
        )
        found = claim(family, "convex")
        assert found.status in (wanted, Verdict.UNDECIDED)
        assert (found.status is Verdict.PROVED) <= (wanted is Verdict.PROVED)


@pytest.mark.parametrize("name", ["swish", "gelu", "gelu_tanh", "mish", "tanhexp", "hard_swish"])
def test_self_gated_functions_are_not_monotone_and_the_witness_holds(name: str) -> None:
    activation = catalogue.get(name).bind({p.name: 1 for p in catalogue.get(name).parameters})
    found = claim(activation, "monotone")
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    place = sp.Rational(found.witness["x"])
    slope = activation.gradient.subs(X, place)
    assert sp.N(slope, 30) < 0


# -- extremes --------------------------------------------------------------------------------


def test_unbounded_functions_are_not_bounded_below() -> None:
    for value in (X, -(X**2), -sp.exp(X), X**3, X - sp.exp(X), -sp.log(1 + sp.exp(X))):
        found = claim(pieces([value]), "bounded_below")
        assert found.status is Verdict.REFUTED, value


def test_the_infimum_sees_a_well_narrower_than_a_grid() -> None:
    x0 = sp.Rational(1, 7)
    well = pieces([10**12 * (X - x0) ** 4 - 10**3 * (X - x0) ** 2])
    found = claim(well, "bounded_below")
    assert found.status is Verdict.PROVED
    assert sp.sympify(found.value) == -sp.Rational(10**6, 4 * 10**12)


def test_relu_has_no_gradient_lipschitz_constant() -> None:
    assert claim(catalogue.get("relu"), "gradient_lipschitz").value == "inf"


def test_an_unbounded_curvature_is_infinite() -> None:
    cubic = claim(pieces([X**3]), "gradient_lipschitz")
    assert cubic.value == "inf"
    assert claim(pieces([X**3]), "gradient_range").value == ("0", "inf")


def test_a_wrong_base_gives_an_infinite_gap_not_a_small_one() -> None:
    off = pieces([sp.S.Zero, X], (sp.S.Zero,), kink=Kink(sp.S.Zero, 1 - TINY))
    assert claim(off, "relu_gap").value == "inf"
    shifted = pieces([sp.S.Zero, X], (sp.S.Zero,), kink=Kink(sp.S.Zero, sp.S.One, offset=TINY))
    assert sp.sympify(claim(shifted, "relu_gap").value) == TINY


# -- asymptotes, homogeneity -----------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [X**2, sp.exp(X), X * sp.log(1 + X**2), X + sp.log(1 + X**2) * TINY, X + TINY * X**2,
     sp.exp(TINY * X), X * sp.exp(X)],
    ids=str,
)  # fmt: skip
def test_curves_without_a_line_get_none(value: sp.Expr) -> None:
    assert claim(pieces([value]), "right_asymptote").status is Verdict.REFUTED


def test_oscillation_is_not_given_an_asymptote() -> None:
    for value in (sp.sin(X), X + sp.cos(X), X * sp.sin(X)):
        assert claim(pieces([value]), "right_asymptote").status is Verdict.UNDECIDED


def test_a_declared_scaling_is_checked_not_believed() -> None:
    smelu = catalogue.get("smelu")
    for degree in (-1, 2):
        lying = Activation(
            "control", smelu.parameters, smelu.pieces, smelu.owners, kink=smelu.kink,
            scaling=(("beta", degree),),
        )  # fmt: skip
        assert claim(lying, "homogeneous").status is Verdict.REFUTED
        assert claim(lying, "relu_gap").value == "beta/4"
        assert claim(lying, "gradient_lipschitz").value == "1/(2*beta)"
    beta = BETA.symbol
    shifted = pieces([sp.log(1 + sp.exp(X / beta)) + X], parameters=(BETA,))
    object.__setattr__(shifted, "scaling", (("beta", 1),))
    assert claim(shifted, "homogeneous").status is Verdict.REFUTED


# -- rescu -----------------------------------------------------------------------------------


def test_a_gradient_that_turns_back_by_a_hair_is_no_rescu() -> None:
    turning = derive(expression_shape(
        "0 if x < -1 else (x+1)/2 if x < 1 else 1 - (x - 1)/10**9 if x < 2 else 1 - 1/10**9",
        read_assumptions([]),
    ))  # fmt: skip
    assert claim(turning, "smooth").value == "1"
    assert claim(turning, "rescu").status is Verdict.REFUTED
    assert claim(turning, "monotone").status is Verdict.PROVED


def test_an_unbounded_gradient_is_no_rescu() -> None:
    assert claim(pieces([X**2]), "rescu").status is Verdict.REFUTED


# -- certificates ----------------------------------------------------------------------------


def edits() -> list[tuple[str, Any]]:
    data = certify(catalogue.get("swish")).to_dict()
    refuted = next(i for i, c in enumerate(data["claims"]) if c["status"] == "refuted")
    edited: list[tuple[str, Any]] = []

    def edit(label: str) -> Any:
        again = copy.deepcopy(data)
        edited.append((label, again))
        return again

    edit("verdict")["claims"][refuted].update(status="proved", witness=None)
    edit("digest")["digest"] = catalogue.get("smelu").digest
    edit("value")["claims"][0]["value"] = "1"
    edit("dropped claim")["claims"].pop()
    edit("engine")["engines"] = {"exact": "sympy 0"}
    edit("name")["spec"] = "smelu"
    del edit("no seal")["seal"]
    return edited


@pytest.mark.parametrize(("label", "data"), edits(), ids=lambda v: v if isinstance(v, str) else "")
def test_an_edited_certificate_is_refused(label: str, data: Any) -> None:
    with pytest.raises(
        (DisagreementError, UsageError), match=r"edited|Not a certificate|not among"
    ):
        Certificate.from_dict(json.loads(json.dumps(data)))


def test_a_stale_certificate_does_not_speak_of_a_changed_function() -> None:
    smelu = catalogue.get("smelu")
    certificate = certify(smelu, ["smooth"])
    changed = Activation(
        smelu.name, smelu.parameters,
        (smelu.pieces[0], smelu.pieces[1],
         Piece(smelu.pieces[2].lower, sp.oo, X + TINY, sp.S.One)),
        smelu.owners,
    )  # fmt: skip
    assert certificate.speaks_of(smelu)
    assert not certificate.speaks_of(changed)
    owners = Activation(smelu.name, smelu.parameters, smelu.pieces, ("right", "left"))
    assert not certificate.speaks_of(owners)
