"""Users' own data: what is read, how it is prepared, and what is refused with which words."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.errors import MissingDependencyError, StoreError, UnknownNameError, UsageError
from rescu_cli.experiment.data import criteo, files, idx, is_path, load_dataset
from rescu_cli.experiment.data.dataset import Dataset

N = 40


def table(n: int = N, **columns: Sequence[Any]) -> str:
    """A CSV text: x, colour and kind, some replaced."""
    values: dict[str, Sequence[Any]] = {
        "x": [f"{row * 0.37 - 3:.3f}" for row in range(n)],
        "colour": [("red", "green", "blue")[row % 3] for row in range(n)],
        "z": [row * row for row in range(n)],
        "kind": [("yes", "no")[row // 2 % 2] for row in range(n)],
    }
    values.update(columns)
    lines = [",".join(values)]
    lines += [",".join(str(column[row]) for column in values.values()) for row in range(n)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_file(content: str | bytes, name: str = "mine.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write_file


def test_a_table_becomes_a_data_set(write: Callable[..., str]) -> None:
    path = write(table())
    data = load_dataset(path)
    assert data.name == path
    assert data.task == "classification"
    assert data.n_classes == 2
    assert data.cardinalities == (4,)
    assert data.x_train.shape == (32, 3)
    assert len(data.y_test) == 8
    assert "no → 0, yes → 1" in data.preparation
    assert load_dataset(path).digest == data.digest


def test_text_columns_come_first_as_sorted_categories(write: Callable[..., str]) -> None:
    data = load_dataset(write(table()))
    colours = {"blue": 1, "green": 2, "red": 3}
    for row, x in zip(data.example_ids, data.x_test, strict=True):
        assert x[0] == colours[("red", "green", "blue")[row % 3]]


def test_numbers_are_standardised_on_the_training_part(write: Callable[..., str]) -> None:
    data = load_dataset(write(table()))
    assert data.x_train[:, 1:].mean(0) == pytest.approx(np.zeros(2), abs=1e-6)
    assert data.x_train[:, 1:].std(0) == pytest.approx(np.ones(2), rel=1e-5)


def test_a_category_that_training_lacks_is_number_zero(write: Callable[..., str]) -> None:
    unseen = load_dataset(write(table())).example_ids[0]
    colours = [("red", "green")[row % 2] for row in range(N)]
    colours[unseen] = "violet"
    data = load_dataset(write(table(colour=colours)))
    assert data.cardinalities == (3,)
    assert data.x_test[0, 0] == 0
    assert (data.x_train[:, 0] > 0).all()


def test_the_label_column_can_be_named(write: Callable[..., str]) -> None:
    data = load_dataset(write(table()), label="colour")
    assert data.n_classes == 3
    assert data.cardinalities == (3,)
    with pytest.raises(UsageError, match="'color' asked; it has the columns 'x', 'colour', 'z'"):
        load_dataset(write(table()), label="color")


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        ([row % 3 for row in range(N)], None, 3),
        ([(-7, 40)[row % 2] for row in range(N)], None, 2),
        ([f"{row % 2}.0" for row in range(N)], None, 2),
        ([f"{row / 7:.3f}" for row in range(N)], None, 1),
        ([row % 3 for row in range(N)], "regression", 1),
        ([f"{row % 25}.0" for row in range(N)], None, 1),
        ([row % 25 for row in range(N)], "regression", 1),
        ([row % 15 for row in range(N)], "classification", 15),
    ],
)
def test_the_task_is_seen_from_the_labels(
    write: Callable[..., str], labels: list[Any], task: str | None, classes: int
) -> None:
    data = load_dataset(write(table(kind=labels)), task=task)
    assert data.n_classes == classes
    assert data.task == ("regression" if classes == 1 else "classification")
    if classes == 1:
        assert data.y_train.mean() == pytest.approx(0, abs=1e-6)
        assert data.y_train.std() == pytest.approx(1, rel=1e-5)


def test_integers_become_classes_in_order(write: Callable[..., str]) -> None:
    labels = [(40, -7)[row % 2] for row in range(N)]
    data = load_dataset(write(table(kind=labels)))
    assert "-7 → 0, 40 → 1" in data.preparation
    assert (data.y_test == [int(labels[row] == 40) for row in data.example_ids]).all()


@pytest.mark.parametrize("text", ["", "NA", "nan", "NULL", "?", " "])
def test_missing_values_are_refused_with_their_places(write: Callable[..., str], text: str) -> None:
    x = [str(row) for row in range(N)]
    x[3] = text
    with pytest.raises(UsageError, match=r"missing values at line 5 column 'x'\. Nothing"):
        load_dataset(write(table(x=x)))


def test_five_of_many_missing_values_are_shown(write: Callable[..., str]) -> None:
    x, colour = ["NA"] * N, ["red", "green"] * (N // 2)
    colour[0] = "?"
    with pytest.raises(UsageError) as caught:
        load_dataset(write(table(x=x, colour=colour)))
    text = str(caught.value)
    assert text.count("line ") == 5
    assert "line 2 column 'x', line 2 column 'colour', line 3 column 'x'" in text
    assert f"({N + 1} in all)" in text


def test_lines_are_counted_as_an_editor_does(write: Callable[..., str]) -> None:
    lines = table().splitlines()
    lines.insert(1, "")
    lines[5] = lines[5].replace(lines[5].split(",")[0], "NA", 1)
    with pytest.raises(UsageError, match="line 6 column 'x'"):
        load_dataset(write("\r\n".join(lines)))


def broken(change: Callable[[list[str]], None]) -> str:
    lines = table().splitlines()
    change(lines)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", StoreError, "is empty"),
        ("\n\n", StoreError, "is empty"),
        ("a,b\n", UsageError, "has 0 rows of data; at least 10"),
        (table(9), UsageError, "has 9 rows"),
        (broken(lambda rows: rows.insert(7, "1,2,3")), StoreError,
         "line 8 has 3 fields; the first line names 4 columns"),
        (broken(lambda rows: rows.__setitem__(7, rows[7] + ",5")), StoreError, "line 8 has 5 fields"),
        (broken(lambda rows: rows.__setitem__(0, "x,colour,x,kind")), UsageError,
         "columns 1 and 3 are both named 'x'"),
        (broken(lambda rows: rows.__setitem__(0, "x,,z,kind")), UsageError, "column 2 has no name"),
        (broken(lambda rows: rows.__setitem__(0, "1,2,3,4")), StoreError, "names of the columns"),
        (table().encode() + b"1,r\xe9d,3,no\n", StoreError, "not UTF-8: byte 0xe9"),
        (table().encode("utf-16"), StoreError, "not UTF-8"),
        (table() + '1,"red,2,no\n', StoreError, "line 42"),
        (table(kind=["yes"] * N), UsageError, "one class only, yes"),
        (table(kind=[1.5] * N), UsageError, "1.5 in every row"),
        (table(colour=[f"user{row}" for row in range(N)]), UsageError,
         "'colour' has 40 different values in 40 rows .*names the rows"),
        (table(kind=[f"id{row}" for row in range(N)]), UsageError, "too many for classes"),
        (table(x=["inf", *range(N - 1)]), UsageError, "line 2 column 'x' is inf"),
        (table(x=[*range(N - 1), "1e101"]), UsageError, "line 41 column 'x' is 1e"),
        (table(x=["abc", *range(N - 1)]), UsageError, "numbers in 39 of 40 rows .*line 2 'abc'"),
        (table(x=["1_000", *range(N - 1)]), UsageError, "line 2 '1_000'"),
        ("a\n" + "1\n2\n" * 10, UsageError, "one column only"),
        (table().replace(",", ";"), UsageError, "separated by commas"),
    ],
    ids=str,
)  # fmt: skip
def test_a_broken_table_is_refused(
    write: Callable[..., str], content: str | bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_dataset(write(content))


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        ("regression", ["a", "b"] * (N // 2), "has text, e.g. 'a'"),
        ("classification", [0.5 + row for row in range(N)], "no classes, e.g. 0.5"),
        ("classification", list(range(N)), "too many for classes"),
        ("clustering", [0, 1] * (N // 2), "No task named 'clustering'"),
    ],
)
def test_a_task_that_does_not_suit_the_labels_is_refused(
    write: Callable[..., str], task: str, labels: list[Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(write(table(kind=labels)), task=task)


def test_a_byte_order_mark_and_quotes_are_read(write: Callable[..., str]) -> None:
    text = table().replace("red", '"red, dark"')
    assert load_dataset(write(b"\xef\xbb\xbf" + text.encode())).cardinalities == (4,)


def test_tabs_separate_a_tsv(write: Callable[..., str]) -> None:
    data = load_dataset(write(table().replace(",", "\t"), "mine.tsv"))
    assert (data.x_train == load_dataset(write(table())).x_train).all()


def test_a_constant_column_becomes_zero(write: Callable[..., str]) -> None:
    data = load_dataset(write(table(x=["0.1"] * N)))
    assert np.abs(data.x_train[:, 1]).max() < 1e-6


def test_a_missing_file_or_unknown_name_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        load_dataset(str(tmp_path / "none.csv"))
    with pytest.raises(StoreError, match="no such file"):
        load_dataset(str(tmp_path / "folder"))
    with pytest.raises(UnknownNameError):
        load_dataset("nothing")
    (tmp_path / "mine.xls").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"ending in '\.xls' asked; possible are \.npz"):
        load_dataset(str(tmp_path / "mine.xls"))


def test_a_folder_never_hides_a_name_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_path("digits")
    assert not is_path("spirals:n=100")
    assert is_path("./digits")
    assert is_path("other")


def test_label_and_task_speak_of_files_only() -> None:
    with pytest.raises(UsageError, match="speak of a file"):
        load_dataset("digits", label="y")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from("abc"), st.booleans()),
             min_size=10, max_size=40)
)  # fmt: skip
def test_every_table_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, str, bool]]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    path.write_text("number,letter,label\n" + "".join(f"{a!r},{b},{c}\n" for a, b, c in rows))
    try:
        data = load_dataset(str(path))
    except UsageError as error:
        assert str(path) in str(error)
        return
    assert len(data.y_train) + len(data.y_test) == len(rows)
    right = [int(rows[row][2]) for row in data.example_ids]
    assert (data.y_test == right).all()


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='ab12,\n\r"?;\t\0.-', max_size=200).map(str.encode),
        st.lists(st.text(alphabet="ab12.-e", min_size=1, max_size=3), min_size=30, max_size=30).map(
            lambda cells: (
                "x,y,z\n" + "\n".join(",".join(cells[i : i + 3]) for i in range(0, 30, 3))
            ).encode()
        ),
    ),
    ending=st.sampled_from([".csv", ".tsv", ".txt", ".npz"]),
)
def test_no_content_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / f"t{ending}"
    path.write_bytes(content)
    try:
        load_dataset(str(path))
    except (UsageError, StoreError) as error:
        assert str(path) in str(error)


# Arrays


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def arrays(n: int = 30) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {"x": generator.normal(size=(n, 4)), "y": np.arange(n) % 3}


def test_arrays_are_split_and_standardised(tmp_path: Path) -> None:
    data = load_dataset(save(tmp_path / "a.npz", **arrays()))
    assert (data.n_classes, data.x_train.shape, data.shape) == (3, (24, 4), ())
    assert data.x_train.std(0) == pytest.approx(np.ones(4), rel=1e-5)
    assert (data.y_test == data.example_ids % 3).all()


def test_images_keep_their_shape_and_one_scale(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (30, 5, 6), dtype=np.uint8)
    data = load_dataset(save(tmp_path / "a.npz", x=x, y=np.arange(30) % 2))
    assert data.shape == (1, 5, 6)
    assert data.x_train.mean() == pytest.approx(0, abs=1e-6)
    colour = load_dataset(save(tmp_path / "b.npz", x=x[:, None], y=np.arange(30) % 2))
    assert colour.shape == (1, 5, 6)
    assert (colour.x_train == data.x_train).all()


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    a = arrays()
    path = save(tmp_path / "a.npz", x_train=a["x"][:20], y_train=a["y"][:20],
                x_test=a["x"][20:], y_test=a["y"][20:])  # fmt: skip
    data = load_dataset(path)
    assert (data.y_test == a["y"][20:]).all()
    mean = a["x"][:20].mean(0)
    assert data.x_test * a["x"][:20].std(0) + mean == pytest.approx(a["x"][20:], rel=1e-4, abs=1e-5)
    assert "split by the file" in data.preparation


def test_float_labels_are_a_regression_and_text_labels_are_classes(tmp_path: Path) -> None:
    a = arrays()
    numbers = load_dataset(save(tmp_path / "a.npz", x=a["x"], y=a["x"][:, 0] * 3))
    assert numbers.task == "regression"
    names = load_dataset(save(tmp_path / "b.npz", x=a["x"], y=np.array(["b", "a", "c"])[a["y"]]))
    assert "a → 0, b → 1, c → 2" in names.preparation


def test_named_columns_are_a_table(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", size=np.arange(30.0), colour=np.array(["r", "g"] * 15),
                kind=np.arange(30) % 3)  # fmt: skip
    data = load_dataset(path)
    assert (data.n_classes, data.cardinalities) == (3, (3,))
    assert load_dataset(path, label="colour").n_classes == 2


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=np.array([{"a": 1}] * 20, dtype=object), y=np.arange(20) % 2)
    with pytest.raises(StoreError, match="plain arrays"):
        load_dataset(path)
    (tmp_path / "b.npz").write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(StoreError, match="plain arrays"):
        load_dataset(str(tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros(30)}, r"x must be \(examples, features\)"),
        ({"y": np.zeros(29)}, r"found \(30, 4\) and \(29,\)"),
        ({"x": np.full((30, 4), np.nan)}, r"missing, infinite .*\(120 in all\)"),
        ({"x": np.full((30, 4), "a")}, "dtype <U1"),
        ({"x": np.full((30, 4), 1j)}, "dtype complex128"),
        ({"y": np.where(np.arange(30) == 4, np.nan, 1.0)}, "row 4 column 'y'"),
        ({"y": np.zeros(30, dtype=int)}, "one class only, 0"),
        ({"y": np.zeros(30, dtype=complex)}, "dtype complex128"),
        ({"x": np.zeros((5, 4)), "y": np.arange(5) % 2}, "has 5 rows"),
    ],
    ids=str,
)
def test_broken_arrays_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(save(tmp_path / "a.npz", **{**arrays(), **change}))


def test_wrong_names_of_arrays_are_listed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", data=np.zeros((30, 4)), target=np.arange(30))
    with pytest.raises(
        UsageError, match=r"has data \(30, 4\), target \(30,\); it must have x and y"
    ):
        load_dataset(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 60])
def test_what_is_no_archive_is_refused(write: Callable[..., str], content: bytes) -> None:
    with pytest.raises(StoreError, match="plain arrays"):
        load_dataset(write(content, "a.npz"))


def test_a_damaged_or_single_array_archive_is_refused(tmp_path: Path) -> None:
    path = Path(save(tmp_path / "a.npz", **arrays()))
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="plain arrays"):
        load_dataset(str(path))
    with (tmp_path / "b.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(StoreError, match="one array"):
        load_dataset(str(tmp_path / "b.npz"))


# Parquet


def test_parquet_without_pyarrow_names_the_install_line(
    write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(files, "import_module", absent)
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        load_dataset(write(b"PAR1", "a.parquet"))


def parquet(path: Path, **columns: Any) -> str:
    pa = pytest.importorskip("pyarrow")
    import_parquet = pytest.importorskip("pyarrow.parquet")
    import_parquet.write_table(pa.table(columns), path)
    return str(path)


def columns_of(n: int = N) -> dict[str, Any]:
    return {
        "x": [round(row * 0.37 - 3, 3) for row in range(n)],
        "colour": [("red", "green", "blue")[row % 3] for row in range(n)],
        "z": [row * row for row in range(n)],
        "kind": [("yes", "no")[row // 2 % 2] for row in range(n)],
    }


def test_parquet_gives_the_data_of_the_same_csv(tmp_path: Path, write: Callable[..., str]) -> None:
    data = load_dataset(parquet(tmp_path / "a.parquet", **columns_of()))
    same = load_dataset(write(table()))
    assert data.digest == same.digest
    pa = pytest.importorskip("pyarrow")
    coded = {**columns_of(), "colour": pa.array(columns_of()["colour"]).dictionary_encode()}
    assert load_dataset(parquet(tmp_path / "b.parquet", **coded)).digest == same.digest
    labels = {**columns_of(), "kind": [row % 2 == 0 for row in range(N)]}
    assert load_dataset(parquet(tmp_path / "c.parquet", **labels)).n_classes == 2


def test_broken_parquet_is_refused(tmp_path: Path, write: Callable[..., str]) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(StoreError, match="not a Parquet file"):
        load_dataset(write(b"PAR1 no", "a.parquet"))
    values = columns_of()
    values["x"][4] = None
    with pytest.raises(UsageError, match="row 4 column 'x'"):
        load_dataset(parquet(tmp_path / "b.parquet", **values))
    values["x"][4] = float("nan")
    with pytest.raises(UsageError, match="row 4 column 'x'"):
        load_dataset(parquet(tmp_path / "c.parquet", **values))
    values["x"] = [[1.0]] * N
    with pytest.raises(UsageError, match="column 'x' has the type list"):
        load_dataset(parquet(tmp_path / "d.parquet", **values))


# MNIST's format


def idx_bytes(array: np.ndarray[Any, Any]) -> bytes:
    head = bytes([0, 0, 8, array.ndim])
    return head + np.array(array.shape, dtype=">u4").tobytes() + array.astype(np.uint8).tobytes()


def idx_folder(folder: Path, *, packed: bool = False, mark: str = "-") -> dict[str, Path]:
    generator = np.random.default_rng(0)
    paths = {}
    for part, n in (("train", 50), ("t10k", 20)):
        content = {
            f"{part}-images{mark}idx3-ubyte": generator.integers(0, 256, (n, 28, 28)),
            f"{part}-labels{mark}idx1-ubyte": np.arange(n) % 5 + 1,
        }
        for name, array in content.items():
            data = idx_bytes(array)
            path = folder / (name + ".gz" * packed)
            path.write_bytes(gzip.compress(data) if packed else data)
            paths[name.replace(".idx", "-idx")] = path
    return paths


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", ["-", "."])
def test_a_folder_of_idx_files_is_read(tmp_path: Path, packed: bool, mark: str) -> None:
    idx_folder(tmp_path, packed=packed, mark=mark)
    data = load_dataset(str(tmp_path))
    assert data.shape == (1, 28, 28)
    assert data.x_train.shape == (50, 784)
    assert (data.y_test == np.arange(20) % 5).all()
    assert data.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert data.x_train.std() == pytest.approx(1, rel=1e-4)
    x = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).reshape(50, -1)
    assert data.x_train == pytest.approx((x - x.mean()) / x.std(), rel=1e-5, abs=1e-6)


def change_idx(change: Callable[[bytes], bytes], name: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = idx_folder(folder)[name]
        path.write_bytes(change(path.read_bytes()))

    return apply


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: None, StoreError, "has no train-images-idx3-ubyte"),
        (change_idx(lambda b: b[:-1], "train-images-idx3-ubyte"), StoreError,
         "says it has .* values; found 39199"),
        (change_idx(lambda b: b + b"0", "t10k-images-idx3-ubyte"), StoreError, "found more"),
        (change_idx(lambda b: b"\0\0\x0d\3" + b[4:], "train-images-idx3-ubyte"), StoreError,
         "begins with"),
        (change_idx(lambda b: b[:4] + b"\xff" * 12, "train-images-idx3-ubyte"), StoreError,
         "up to"),
        (change_idx(lambda b: b[:3], "train-labels-idx1-ubyte"), StoreError, "begins with"),
        (change_idx(lambda b: idx_bytes(np.zeros(49)), "train-labels-idx1-ubyte"), UsageError,
         "50 train images .* and 49 labels"),
        (change_idx(lambda b: idx_bytes(np.ones(50)), "train-labels-idx1-ubyte"), UsageError,
         "at least two classes"),
        (change_idx(lambda b: idx_bytes(np.full(20, 9)), "t10k-labels-idx1-ubyte"), UsageError,
         r"the test also \[9\]"),
        (change_idx(lambda b: idx_bytes(np.zeros((20, 27, 28))), "t10k-images-idx3-ubyte"),
         UsageError, "both must have the same"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_refused(
    tmp_path: Path, make: Callable[[Path], None], error: type[Exception], message: str
) -> None:
    make(tmp_path)
    with pytest.raises(error, match=message):
        load_dataset(str(tmp_path))


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = idx_folder(tmp_path, packed=True)["train-images-idx3-ubyte"]
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(StoreError, match="damaged gzip"):
        load_dataset(str(tmp_path))
    path.write_bytes(b"no gzip at all")
    with pytest.raises(StoreError, match="damaged gzip"):
        idx.read_idx(path, 3)


def test_a_folder_has_no_label_column(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder of idx files"):
        load_dataset(str(tmp_path), label="y")


# Criteo's format


def criteo_lines(n: int = 50) -> list[str]:
    generator = np.random.default_rng(0)
    lines = []
    for row in range(n):
        counts = [str(generator.integers(-2, 500)) for _ in range(13)]
        counts[0] = str(row - 9)
        counts[1] = "" if row % 3 == 0 else counts[1]
        texts = [f"{generator.integers(0, 40):08x}" for _ in range(26)]
        texts[4] = "" if row % 5 == 0 else texts[4]
        lines.append("\t".join([str(int(row % 4 == 0)), *counts, *texts]))
    return lines


def load_lines(write: Callable[..., str], lines: list[str], name: str = "train.txt") -> Dataset:
    return load_dataset(write("\n".join(lines) + "\n", name))


@pytest.mark.parametrize("name", ["train.txt", "day.tsv"])
def test_criteos_format_is_recognised_and_kept_in_order(
    write: Callable[..., str], name: str
) -> None:
    lines = criteo_lines()
    data = load_lines(write, lines, name)
    assert data.cardinalities == (criteo.BUCKETS,) * 26
    assert data.x_train.shape == (40, 26 + 13 + 13)
    assert (data.example_ids == np.arange(40, 50)).all()
    assert (data.y_test == [int(line[0]) for line in lines[40:]]).all()


def test_missing_values_of_criteo_have_their_own_bucket_and_indicator(
    write: Callable[..., str],
) -> None:
    data = load_lines(write, criteo_lines())
    x = np.concatenate([data.x_train, data.x_test])
    rows = np.arange(50)
    assert ((x[:, 4] == 0) == (rows % 5 == 0)).all()
    assert ((x[:, 26 + 13 + 1] == 1) == (rows % 3 == 0)).all()
    assert (x[rows % 3 == 0, 26 + 1] == 0).all()
    present = x[:40][rows[:40] % 3 != 0, 27]
    assert present.mean() == pytest.approx(0, abs=1e-5)
    assert present.std() == pytest.approx(1, rel=1e-4)


def test_counts_are_on_a_signed_logarithmic_scale(write: Callable[..., str]) -> None:
    lines = criteo_lines()
    raw = np.array([int(line.split("\t")[1]) for line in lines])
    scaled = np.sign(raw) * np.log1p(np.abs(raw))
    right = (scaled - scaled[:40].mean()) / scaled[:40].std()
    data = load_lines(write, lines)
    found = np.concatenate([data.x_train, data.x_test])[:, 26]
    assert found == pytest.approx(right, rel=1e-4, abs=1e-5)


def test_buckets_are_stable_and_never_that_of_a_missing_value() -> None:
    assert criteo.bucket("") == 0
    # 0xCBF43926 is the check value that CRC-32 is published with.
    assert criteo.bucket("123456789") == 1 + 0xCBF43926 % 4095
    numbers = {criteo.bucket(f"{value:08x}") for value in range(20_000)}
    assert min(numbers) >= 1
    assert max(numbers) < criteo.BUCKETS


def test_chunks_do_not_change_criteos_data(
    write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = load_lines(write, criteo_lines())
    monkeypatch.setattr(criteo, "CHUNK", 7)
    assert load_lines(write, criteo_lines()).digest == one.digest


@pytest.mark.parametrize(
    ("row", "line", "error", "message"),
    [
        (5, "0\t1\t2", StoreError, "line 6 has 3 fields"),
        (5, "2" + criteo_lines()[5][1:], StoreError, "begins with '2'"),
        (5, "0\t1.5" + "\t" * 38, StoreError, "line 6 has a count that is not a whole number"),
    ],
)
def test_a_broken_line_of_criteo_is_refused(
    write: Callable[..., str], row: int, line: str, error: type[Exception], message: str
) -> None:
    lines = criteo_lines()
    lines[row] = line
    with pytest.raises(error, match=message):
        load_lines(write, lines)


def test_criteos_limits_are_said(
    write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="has 5 rows"):
        load_lines(write, criteo_lines(5))
    with pytest.raises(UsageError, match="all have the label 0"):
        load_lines(write, ["0" + line[1:] for line in criteo_lines()])
    path = write("\n".join(criteo_lines()), "train.txt")
    with pytest.raises(UsageError, match="'--label'"):
        load_dataset(path, label="click")
    monkeypatch.setattr(criteo, "LARGEST_FILE", 100)
    with pytest.raises(UsageError, match="held in memory"):
        load_dataset(path)
