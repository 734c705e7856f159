"""The leak rate: invariants, ties that are ties, an interval that holds, and files that do not."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import rescu_cli as rescu
from rescu_cli.cli.app import main
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.sequence.leak.interval import score_interval
from rescu_cli.sequence.leak.similarity import closer, similarity_of

PAIRS = [
    ("yellow", "He is a teacher.", "He drives a yellow bus."),
    ("yellow", "She reads yellow pages.", "She likes tea."),
    ("fish", "They play chess.", "They go fishing, and eat fish."),
    ("snow", "He is a baker.", "He is a baker."),
]


def write(tmp_path: Path, text: str, name: str = "pairs.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8"))
    return path


# -- invariants ---------------------------------------------------------------------------------


def test_the_rate_is_the_mean_of_100_50_and_0() -> None:
    found = rescu.leak_rate(PAIRS)
    assert [p["leak"] for p in found["similarities"][0]["pairs"]] == [100, 0, 100, 50]
    assert found["leak_rate"] == 62.5 and found["tie_share"] == 0.25


@pytest.mark.parametrize("similarity", ["ngrams:2", "ngrams:3", "words"])
def test_swapping_control_and_test_mirrors_rate_and_interval(similarity: str) -> None:
    one = rescu.leak_rate(PAIRS, similarity=similarity)
    two = rescu.leak_rate([(c, b, a) for c, a, b in PAIRS], similarity=similarity)
    assert two["leak_rate"] == 100 - one["leak_rate"]
    assert two["ci"] == pytest.approx([100 - end for end in reversed(one["ci"])])


def test_identical_outputs_give_50_and_nothing_but_ties() -> None:
    found = rescu.leak_rate([(c, a, a) for c, a, _ in PAIRS])
    assert found["leak_rate"] == 50 and found["tie_share"] == 1
    assert found["ci"][0] < 50 < found["ci"][1]  # ties are no certainty


def test_many_ties_are_warned_of_and_few_are_not() -> None:
    few = [("red", f"a blue {i}", f"a red {i}") for i in range(40)]
    assert not [n for n in rescu.leak_rate(few)["notes"] if "ties on" in n]
    many = few[:20] + [("red", "x", "x")] * 20
    assert [n for n in rescu.leak_rate(many)["notes"] if "ties on 50 %" in n]


def test_similarities_are_compared_without_rounding() -> None:
    """cos = 1/√2 both ways, although the floats of one side are rounded: a tie. And no tie where the
    cosines differ in the seventeenth digit."""
    concept = {"a": 1}
    assert closer(concept, {"a": 3, "b": 3}, {"a": 7, "b": 7}) == 0
    big = 10**17
    assert closer(concept, {"a": big + 1, "b": big}, {"a": big, "b": big}) == 1
    assert closer(concept, {"a": big, "b": big}, {"a": big + 1, "b": big}) == -1


def test_case_width_and_accents_do_not_matter() -> None:
    words = similarity_of("words", [])
    assert words.of("ＹＥＬＬＯＷ Cafe\u0301") == words.of("yellow café")


def test_vectors_of_a_file_find_what_letters_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, "school 1 0\nteacher 0.9 0.1\nsailor 0 1\n", "v.txt")
    pair = [("school", "sailor", "teacher")]
    assert rescu.leak_rate(pair, similarity="words")["leak_rate"] == 50
    assert rescu.leak_rate(pair, similarity=f"vectors:{path}")["leak_rate"] == 100


# -- the interval ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "p"), [(8, (0.6, 0.2)), (20, (0.3, 0.3)), (50, (0.05, 0.9))])
def test_the_interval_covers_what_it_promises(n: int, p: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    above, below = p
    truth = 50 + 50 * (above - below)
    hits = 0
    draws = rng.multinomial(n, [above, below, 1 - above - below], size=3000)
    for b, c, _ in draws.tolist():
        low, high = score_interval(b, c, n)
        hits += low <= truth <= high
    assert hits / 3000 > 0.93


def test_control_an_interval_for_half_the_noise_does_not_cover() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for b, c, _ in rng.multinomial(20, [0.4, 0.4, 0.2], size=2000).tolist():
        low, high = score_interval(b, c, 20)
        middle, half = (low + high) / 2, (high - low) / 4
        hits += middle - half <= 50 <= middle + half
    assert hits / 2000 < 0.8


def test_without_ties_it_is_wilsons() -> None:
    n, b, z = 30, 21, 1.959963984540054
    p = b / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert score_interval(b, n - b, n) == pytest.approx(
        (100 * (centre - half), 100 * (centre + half))
    )


# -- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("concept,control,test\n", "holds a header and no pair"),
        ("concept,control\na,b\n", "no column named 'test'"),
        ("concept,control,test,test\na,b,c,d\n", "2 columns named 'test'"),
        ("concept,control,test\na,b,c\nd,e\n", r"row 2 \(line 3\): 2 cells"),
        ("concept,control,test\na,b,c\nd,,f\n", r"row 2 \(line 3\): control is empty"),
        ("concept,control,test\na,b,c,d\n", "quote a cell that holds a comma"),
        ("concept;control;test\na;b;c\n", "no column named 'concept'"),
        ('concept,control,test\na,"b,c\nd,e,f\n', r"row 1 \(line 2\).*close every quote"),
    ],
)
def test_a_malformed_csv_is_refused_with_its_row(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=message):
        rescu.leak_rate(path)
    assert main(["seq", "leak", "--pairs", str(path)]) == 2


def test_a_csv_with_mark_quotes_and_other_columns_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffid,test,concept,control\n1,"a red, red fox",red,"a fox\nruns"\n')
    assert rescu.leak_rate(path)["leak_rate"] == 100


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\n\r\n"])
def test_ends_of_lines_and_long_cells_do_not_matter(end: str, tmp_path: Path) -> None:
    """A cell may be longer than the csv module's limit, which stays as it was."""
    before = csv.field_size_limit()
    rows = ["concept,test,control", "red," + "a red fox " * 20_000 + ",a fox", ""]
    assert rescu.leak_rate(write(tmp_path, end.join(rows)))["leak_rate"] == 100
    assert csv.field_size_limit() == before


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(b"concept,control,test\na,b,\xff\n")
    with pytest.raises(UsageError, match="line 2: byte 0xff is not UTF-8"):
        rescu.leak_rate(path)
    with pytest.raises(StoreError):
        rescu.leak_rate(tmp_path / "nothing.csv")


def test_one_similarity_under_two_names_is_one() -> None:
    with pytest.raises(UsageError, match="none twice"):
        rescu.leak_rate(PAIRS, similarity=["ngrams", "ngrams:3"])


@pytest.mark.parametrize("similarity", ["letters", "ngrams:0", "ngrams:x", "vectors:"])
def test_an_unknown_similarity_is_refused(similarity: str) -> None:
    with pytest.raises(UsageError):
        rescu.leak_rate(PAIRS, similarity=similarity)


def test_negative_and_tiny_numbers_have_cosines(tmp_path: Path) -> None:
    """One number of 1e-200 makes all the others huge whole numbers; a sign is part of a cosine."""
    path = write(tmp_path, "red 1 0\nblue 1 1e-200\nsky -1 0\ncar 0 1\n", "v.txt")
    found = rescu.leak_rate([("red", "sky", "car"), ("red", "car", "blue"), ("red", "blue", "sky")],
                            similarity=f"vectors:{path}")["similarities"][0]  # fmt: skip
    assert [p["leak"] for p in found["pairs"]] == [100, 100, 0]
    assert found["pairs"][0]["control"] == -1


def test_the_warning_begins_above_30_percent() -> None:
    few = [("red", f"a blue {i}", f"a red {i}") for i in range(7)]
    tied = [("red", "x", "x")]
    assert not [n for n in rescu.leak_rate(few + 3 * tied)["notes"] if "ties on" in n]
    assert [n for n in rescu.leak_rate(few + 4 * tied)["notes"] if "ties on 36 %" in n]


@pytest.mark.parametrize(
    "option",
    ["--strength 0", "--seeds 3", "--epochs 2", "--lr 1", "--hidden 4", "--activation relu"],
)
def test_options_of_the_toy_are_refused_with_pairs(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "concept,control,test\na,b,c\n")
    assert main(["seq", "leak", "--pairs", str(path), *option.split()]) == 2
    assert "is for --toy" in capsys.readouterr().err
