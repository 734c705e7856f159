"""A network from what a user names: a file of weights, a saved module, or Python code.

Saved files are read with PyTorch's restricted unpickler, which builds nothing but tensors, plain
containers and the layers of ``torch.nn``: a file cannot run code. Only ``path.py:name`` runs code,
and says so by its form.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rescu_cli.audit.guard import describe
from rescu_cli.audit.load import load
from rescu_cli.catalogue import resolve
from rescu_cli.core.activation import Activation
from rescu_cli.core.files import read_arrays
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.export import torch_functions
from rescu_cli.export.loader import activation_of

SAVED = (".pt", ".pth", ".bin")
_NUMBERED = re.compile(r"([Wb])(\d+)")


def load_model(text: str) -> nn.Module:
    """The network that a text names.

    ==================  =========================================================================
    ``FILE.npz``        a chain of dense layers ``W0, b0, W1, b1, …`` with W (out, in), and between
                        them ``activation``, a name such as ``leaky_relu:alpha=0.1`` (``relu`` if
                        it is missing); biases may be missing
    ``FILE.pt|.pth``    a saved module made of layers of ``torch.nn``, or the state dict of a
                        chain of dense layers (taken with ReLU between them); nothing in it is run
    ``path.py:name``    a module, or what makes one without arguments. This runs the file.
    ==================  =========================================================================

    Raises:
        UsageError: If it is none of these, or does not hold what is said above.
        StoreError: If there is no such file.
        NoCallableError: If a Python file is missing, raises, or has no such name.
    """
    ending = Path(text).suffix.lower()
    if ending == ".npz":
        return _from_npz(Path(text))
    if ending in SAVED:
        return _from_saved(Path(text))
    return _from_code(text)


def dense_chain(
    weights: list[np.ndarray[Any, Any]], biases: list[np.ndarray[Any, Any] | None],
    activation: str = "relu", *, where: str = "The network",
) -> nn.Sequential:  # fmt: skip
    """Dense layers with an activation between them, in float64.

    Args:
        weights: Each (out, in), one at least; the widths must chain.
        biases: Each (out,), or None.
        activation: As typed on the command line.
        where: What errors speak of.

    Raises:
        UsageError: If shapes do not fit or a number is not finite.
    """
    layers: list[nn.Module] = []
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        _require_finite(where, f"W{number}", weight)
        if weight.ndim != 2 or 0 in weight.shape:
            raise UsageError(
                f"{where}: W{number} has the shape {weight.shape}; a dense layer is (out, in)."
            )
        if number and weight.shape[1] != weights[number - 1].shape[0]:
            raise UsageError(
                f"{where}: W{number} takes {weight.shape[1]} numbers, but W{number - 1} gives "
                f"{weights[number - 1].shape[0]}."
            )
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layer = layer.to(torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight.astype(np.float64)))
            if bias is not None:
                _require_finite(where, f"b{number}", bias)
                if bias.shape != weight.shape[:1]:
                    raise UsageError(
                        f"{where}: b{number} has the shape {bias.shape}; W{number} gives "
                        f"{weight.shape[0]} numbers."
                    )
                layer.bias.copy_(torch.from_numpy(bias.astype(np.float64)))
        layers += [layer, activation_layer(activation)]
    return nn.Sequential(*layers[:-1])


class Elementwise(nn.Module):
    """An activation of the catalogue, or of a file, as a layer: its exported code.

    Args:
        activation: Every parameter bound.

    Attributes:
        activation: What the layer is, exactly; for those who need more than its values.
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self._function = torch_functions(activation).function

    def forward(self, x: Tensor) -> Tensor:
        return self._function(x)

    def extra_repr(self) -> str:
        return self.activation.spec


def exported_activation(module: nn.Module) -> Activation | None:
    """What a layer is, exactly, if it is exported code: one of `load_model`, or put in by swap."""
    if isinstance(module, Elementwise):
        return module.activation
    return activation_of(type(module))


def activation_layer(name: str) -> nn.Module:
    """A layer for an activation as typed: torch's own where it has the same, else exported code.

    Raises:
        UsageError: If there is no such activation.
    """
    return layer_of(resolve(name).with_defaults())


def layer_of(activation: Activation) -> nn.Module:
    """The same for an activation with every parameter bound."""
    plain = {"relu": nn.ReLU, "identity": nn.Identity}.get(activation.name)
    return Elementwise(activation) if plain is None else plain()


def _require_finite(where: str, name: str, array: np.ndarray[Any, Any]) -> None:
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{where}: {name} holds {array.dtype}, not numbers.")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise UsageError(f"{where}: {name}{list(place)} is {array[place]}; weights must be finite.")


def _from_npz(path: Path) -> nn.Module:
    arrays = read_arrays(path, "W0, b0, W1, b1, …")
    numbered = {name: m for name in arrays if (m := _NUMBERED.fullmatch(name))}
    unknown = sorted(set(arrays) - set(numbered) - {"activation"})
    depth = sum(name.startswith("W") for name in numbered)
    wanted = {f"W{i}" for i in range(depth)}
    stray = [
        name for name in numbered if int(name[1:]) >= depth or name != f"{name[0]}{int(name[1:])}"
    ]
    if unknown or stray or not depth or not wanted <= set(arrays):
        raise UsageError(
            f"{path} should hold W0, b0, W1, b1, … (W of shape (out, in)) and, if wanted, "
            f"'activation'; found {', '.join(sorted(arrays)) or 'nothing'}."
        )
    named = arrays.get("activation")
    if named is not None and (named.size != 1 or named.dtype.kind not in "US"):
        raise UsageError(f"{path}: 'activation' should be one name, e.g. relu; found {named!r}.")
    activation = "relu" if named is None else str(named.reshape(-1)[0])
    return dense_chain(
        [arrays[f"W{i}"] for i in range(depth)],
        [arrays.get(f"b{i}") for i in range(depth)],
        activation,
        where=str(path),
    )


def _from_saved(path: Path) -> nn.Module:
    layers: list[Any] = [
        kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, nn.Module)
    ]
    try:
        with torch.serialization.safe_globals(layers), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the dialect of a file that is refused anyway
            found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StoreError(f"There is no file {path}.") from None
    except Exception as error:  # noqa: BLE001  reason: bytes that are no pickle raise anything
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        # torch's own words advise to switch the restriction off, which would run the file.
        reason = (
            f"it wants to load {asked[1]}"
            if asked
            else f"it is damaged, or no file of torch.save ({type(error).__name__})"
        )
        raise UsageError(
            f"{path} is refused: {reason}. Saved files may hold tensors and layers of torch.nn "
            "only, because anything else could run code; for a class of your own give "
            "path.py:name."
        ) from None
    if isinstance(found, nn.Module):
        return found
    if isinstance(found, Mapping) and all(isinstance(v, Tensor) for v in found.values()):
        return _from_state(path, dict(found))
    raise UsageError(f"{path} holds a {type(found).__name__}; a module or a state dict is wanted.")


def _from_state(path: Path, state: dict[str, Tensor]) -> nn.Module:
    """A state dict has no architecture; the one that can be told is a chain of dense layers."""
    stems = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    known = {f"{stem}.{part}" for stem in stems for part in ("weight", "bias")}
    if not stems or set(state) - known or any(state[f"{s}.weight"].ndim != 2 for s in stems):
        raise UsageError(
            f"{path} is a state dict, which does not say what the network computes. Only a chain "
            "of dense layers can be told from it; save the module itself (torch.save(model, …)) "
            "or give path.py:name."
        )
    biases = [state.get(f"{stem}.bias") for stem in stems]
    return dense_chain(
        [state[f"{stem}.weight"].double().numpy() for stem in stems],
        [None if bias is None else bias.double().numpy() for bias in biases],
        where=str(path),
    )


def _from_code(text: str) -> nn.Module:
    loaded = load(text)
    found = loaded.subject
    if not isinstance(found, nn.Module):
        try:
            found = found()
        except Exception as error:
            raise UsageError(
                f"{text} cannot be called without arguments: {describe(error, loaded.path)}. Name "
                "a module, or a class or function that makes one without arguments."
            ) from error
    if not isinstance(found, nn.Module):
        raise UsageError(f"{text} makes a {type(found).__name__}, not an nn.Module.")
    return found
