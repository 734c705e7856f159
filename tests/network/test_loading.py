"""Networks by name: what is read, what is refused, and that no saved file runs code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.network import load_model
from rescu_cli.network.loading import Elementwise


def weights(generator: np.random.Generator, *widths: int, bias: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, (n_in, n_out) in enumerate(zip(widths, widths[1:], strict=False)):
        found[f"W{number}"] = generator.standard_normal((n_out, n_in))
        if bias:
            found[f"b{number}"] = generator.standard_normal(n_out)
    return found


@pytest.mark.parametrize("bias", [True, False])
def test_an_npz_is_the_chain_it_says(bias: bool, tmp_path: Path) -> None:
    arrays = weights(np.random.default_rng(0), 2, 5, 4, 3, bias=bias)
    np.savez(tmp_path / "net.npz", **arrays)
    x = np.random.default_rng(1).standard_normal((7, 2))
    h = x
    for i in range(3):
        h = h @ arrays[f"W{i}"].T + (arrays[f"b{i}"] if bias else 0)
        h = np.maximum(h, 0) if i < 2 else h
    found = load_model(str(tmp_path / "net.npz"))(torch.from_numpy(x))
    assert np.allclose(found.detach().numpy(), h, rtol=1e-13)


def test_the_activation_of_an_npz_is_any_of_the_catalogue(tmp_path: Path) -> None:
    arrays = weights(np.random.default_rng(0), 2, 5, 1)
    np.savez(tmp_path / "net.npz", **arrays, activation="smelu:beta=1/2")
    layer = load_model(str(tmp_path / "net.npz"))[1]
    assert isinstance(layer, Elementwise) and layer.activation.spec == "smelu:beta=0.5"
    assert layer(torch.tensor([0.0])).item() == 0.125


def test_saved_modules_and_chains_are_read(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    torch.save(model, tmp_path / "net.pt")
    x = torch.randn(2, 1, 5, 5)
    assert torch.equal(load_model(str(tmp_path / "net.pt"))(x), model(x))
    chain = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
    torch.save(chain.state_dict(), tmp_path / "chain.pth")
    found = load_model(str(tmp_path / "chain.pth"))
    x = torch.randn(4, 2)
    assert torch.allclose(found(x.double()).float(), chain(x), atol=1e-6)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran.txt"),))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, "net.pt")
    with pytest.raises(UsageError, match="refused"):
        load_model("net.pt")
    Path("plain.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UsageError, match="refused"):
        load_model("plain.pt")
    assert not Path("ran.txt").exists()
    # The control: read without care, it does run.
    torch.load("net.pt", weights_only=False)
    assert Path("ran.txt").exists()


GOOD = weights(np.random.default_rng(0), 2, 3, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "found nothing"),
        ({"weights": GOOD["W0"]}, "found weights"),
        ({"W1": GOOD["W1"]}, "found W1"),
        ({**GOOD, "b7": GOOD["b0"]}, "b7"),
        ({**GOOD, "W1": GOOD["W0"]}, "takes 2 numbers, but W0 gives 3"),
        ({**GOOD, "b0": GOOD["b1"]}, r"b0 has the shape \(1,\)"),
        ({**GOOD, "W0": GOOD["W0"][0]}, r"W0 has the shape \(2,\)"),
        ({**GOOD, "W0": GOOD["W0"] * np.nan}, r"W0\[0, 0\] is nan"),
        ({**GOOD, "b1": np.array(["x"])}, "b1 holds"),
        ({**GOOD, "activation": "rellu"}, "relu"),
    ],
)
def test_an_npz_that_holds_something_else_is_refused(
    arrays: dict[str, Any], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(UsageError, match=message):
        load_model(str(tmp_path / "net.npz"))


@pytest.mark.parametrize("name", ["none.npz", "none.pt", "text.npz", "text.pt"])
def test_files_that_are_missing_or_no_such_files_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises((UsageError, StoreError), match=name):
        load_model(str(tmp_path / name))


def test_a_state_dict_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(1, 1, 3).state_dict(), tmp_path / "net.pt")
    with pytest.raises(UsageError, match="does not say what the network computes"):
        load_model(str(tmp_path / "net.pt"))
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UsageError, match="holds a list"):
        load_model(str(tmp_path / "list.pt"))
