"""Word vectors from files, as people have them: text with and without a header, and ``.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rescu_cli as rescu
from rescu_cli.cli.app import main
from rescu_cli.errors import StoreError, UsageError

PAIR = [("school", "The sailor.", "A teacher!")]
WORDS = np.array(["school", "teacher", "sailor", "unused"])
VECTORS = np.array([[1, 0], [0.9, 0.1], [0, 1], [5, 5]])


def rate(path: Path, pairs: object = PAIR) -> dict[str, object]:
    found = rescu.leak_rate(pairs, similarity=f"vectors:{path}")  # type: ignore[arg-type]
    return {**found["similarities"][0], "notes": found["notes"]}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_an_npz_is_read_in_any_format_of_numbers(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "v.NPZ"
    with path.open("wb") as file:
        np.savez(file, words=WORDS, vectors=(10 * VECTORS).astype(dtype))
    found = rate(path)
    assert found["leak_rate"] == 100 and found["dimension"] == 2
    assert found["n_words"] == 5 and found["unknown"] == ["a", "the"]
    assert rate(path, [("school", "A teacher!", "The sailor.")])["leak_rate"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "school 1 0\nteacher 0.9 0.1\nsailor 0 1\n",
        "\n3 2\nschool 1 0\nteacher 0.9 0.1\nsailor 0 1\n",
        "3 2\nschool 1 0\nteacher 0.9 0.1\nsailor 0 1\n",  # word2vec's first line
        "\ufeffschool 1 0 \r\nteacher 0.9 0.1 \r\nsailor 0 1 \r\n",
        "school\t1\t0\nteacher\t9e-1\t1e-1\nsailor\t0\t1\n",
    ],
)
def test_text_is_read_as_it_is_published(text: str, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text(text, encoding="utf-8", newline="")
    assert rate(path)["leak_rate"] == 100


def test_of_two_spellings_the_one_that_is_written_so_counts(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("School 0 1\nschool 1 0\nSCHOOL 0 1\nteacher 9 1\nsailor 0 1\n")
    assert rate(path)["leak_rate"] == 100


def test_what_has_no_direction_is_a_tie_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("school 1 0\nteacher 0 0\nsailor 0 1\n")
    found = rate(path)
    assert found["leak_rate"] == 50 and found["n_texts_without"] == 1
    assert any("no direction" in note for note in found["notes"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"words": WORDS}, "an array 'vectors'"),
        ({"words": WORDS, "vectors": VECTORS[:3]}, "should hold"),
        ({"words": WORDS, "vectors": VECTORS[:, 0]}, "should hold"),
        ({"words": WORDS, "vectors": VECTORS.astype(complex)}, "should hold"),
        ({"words": np.arange(4), "vectors": VECTORS}, "should hold"),
        ({"words": WORDS.astype(object), "vectors": VECTORS}, "no .npz of plain arrays"),
        ({"words": WORDS, "vectors": VECTORS * np.nan}, "word 0: 'school' holds nan"),
        ({"words": WORDS, "vectors": VECTORS + np.inf}, "must be finite"),
        ({"words": np.array(["oui", "non"]), "vectors": VECTORS[:2]}, "of their language"),
    ],
)
def test_an_npz_that_holds_something_else_is_refused(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        rate(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no vector"),
        ("school\nteacher 1 0\n", "line 1: 0 numbers after the word"),
        ("school 1 0\nteacher 1\n", "line 2: 1 numbers after the word, and 2 on the lines"),
        ("school 1 x\n", "line 1: number 2 is 'x'"),
        ("school 1 0\nteacher 0.9 0.1 7\n", "line 2: 3 numbers after the word, and 2 on the"),
        ("school 1 nan\n", "line 1: 'school' holds nan"),
    ],
)
def test_text_that_is_no_table_is_refused_with_its_line(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        rate(path)


def test_bytes_folders_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(b"3 2\nschool \xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="not UTF-8"):
        rate(tmp_path / "v.bin")
    (tmp_path / "v.npz").write_bytes(b"PK damaged")
    with pytest.raises(UsageError, match=r"no \.npz of plain arrays"):
        rate(tmp_path / "v.npz")
    for name in ("none.npz", "none.txt", "."):
        with pytest.raises(StoreError):
            rate(tmp_path / name)


def test_the_command_takes_several_similarities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, pairs = tmp_path / "v.npz", tmp_path / "pairs.csv"
    np.savez(path, words=WORDS, vectors=VECTORS)
    pairs.write_text("concept,control,test\nschool,The sailor.,A teacher!\n")
    similarities = ["--similarity", "words", "--similarity", f"vectors:{path}"]
    assert main(["seq", "leak", "--pairs", str(pairs), *similarities]) == 0
    out = capsys.readouterr().out
    assert "100.0" in out and "50.0" in out
