"""A piece holds expressions; text would be evaluated by SymPy, and is refused."""

from __future__ import annotations

import pytest
import sympy as sp

from rescu_cli.core.activation import Activation, Piece
from rescu_cli.errors import UsageError


@pytest.mark.parametrize("part", ["x", "__import__('os').getcwd()", None, 0.5, sp.true])
def test_what_is_no_expression_is_refused(part: object) -> None:
    with pytest.raises(UsageError, match="value of a piece is a SymPy expression"):
        Piece(-sp.oo, sp.oo, part, sp.S.Zero)  # type: ignore[arg-type]


def test_whole_numbers_become_exact() -> None:
    piece = Piece(-sp.oo, sp.oo, 0, 0)  # type: ignore[arg-type]
    assert piece.value is sp.S.Zero
    assert Activation("nothing", (), (piece,)).value == 0
