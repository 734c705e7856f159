"""The picture in plain text."""

from __future__ import annotations

import pytest

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.plot import preview_activations


def ready(*texts: str) -> list[Activation]:
    return [catalogue.resolve(t).with_defaults() for t in texts]


RELU = """\
ReLU
 4┤              ┊           ⣀⠔⠊
  │              ┊        ⣀⠔⠊
  │              ┊     ⣀⠔⠊
  │              ┊  ⣀⠔⠊
 0┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⠔⠊
  └─────────────────────────────
   −4            0             4"""


def test_relu_in_braille() -> None:
    assert preview_activations(ready("relu"), width=32, height=8) == RELU


STEP = """\
* ReLU
 1+              ***************
  |              :
  |              :
 0+***************
  +-----------------------------
   -4            0             4"""


def test_a_jump_is_not_joined_in_ascii() -> None:
    text = preview_activations(ready("relu"), width=32, height=7, order=1, unicode=False)
    assert text.isascii()
    assert text == STEP


@pytest.mark.parametrize("width", [24, 60, 80, 140])
@pytest.mark.parametrize("height", [9, 18, 30])
def test_it_has_the_asked_size(width: int, height: int) -> None:
    text = preview_activations(ready("relu", "smelu:beta=2"), width=width, height=height + 1)
    lines = text.split("\n")
    assert len(lines) == height + 1
    assert max(len(line) for line in lines) == width
    assert all(line == line.rstrip() for line in lines)


def test_several_curves_have_marks_that_take_turns_where_they_meet() -> None:
    text = preview_activations(ready("relu", "smelu:beta=2", "swish"), width=80, height=18)
    legend, *rows = text.split("\n")
    assert legend == "* ReLU   o SmeLU β=2   + Swish k=1"
    body = "\n".join(rows[:-2])
    assert {"*", "o", "+"} <= set(body)
    assert not any(0x2800 <= ord(c) < 0x2900 for c in body)
    far_left = next(r for r in rows if r.lstrip().startswith("0"))
    assert "*o" in far_left


def test_a_long_legend_is_broken_between_entries() -> None:
    text = preview_activations(
        ready("gsmelu:alpha=0.5,beta=1,g_minus=0.01,g_plus=1", "sau", "leaky_relu", "swish"),
        width=40,
        height=20,
    )
    lines = text.split("\n")
    assert len(lines) == 20
    assert max(len(line) for line in lines) == 40
    assert lines[1].startswith("o SAU")


def test_a_peak_narrower_than_a_column_is_shown() -> None:
    text = preview_activations(ready("softplus:k=1000"), order=2, width=60, height=12)
    assert text.split("\n")[1].startswith(" 250┤")
    assert all("⣿" in line or "⡇" in line or "⢸" in line for line in text.split("\n")[2:9])


def test_numbers_stand_at_zero_and_both_ends() -> None:
    rows = preview_activations(ready("tanh"), width=50, height=13).split("\n")
    assert [r.partition("┤")[0].strip() for r in rows if "┤" in r] == ["0.999", "0", "−0.999"]
    assert rows[-1].split() == ["−4", "0", "4"]
    right = preview_activations(ready("relu"), x_range=(1, 3), width=50, height=13).split("\n")
    assert right[-1].split() == ["1", "3"]


@pytest.mark.parametrize(("width", "height"), [(23, 20), (80, 6), (0, 0), (-5, 10)])
def test_too_small_is_refused(width: int, height: int) -> None:
    with pytest.raises(UsageError, match="too small; it needs at least 24 x 7"):
        preview_activations(ready("relu"), width=width, height=height)


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(UsageError, match="found 0"):
        preview_activations([])
    with pytest.raises(UsageError, match="found 33"):
        preview_activations(ready("relu") * 33)
