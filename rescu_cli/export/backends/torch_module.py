"""The module class of the PyTorch backend, with parameters that can be learned."""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.document import prose
from rescu_cli.export.layout import bound, docstring, head, indented
from rescu_cli.export.naming import class_name


def module_text(activation: Activation, name: str, arguments: list[str]) -> str:
    """The class; learnable parameters are kept in their domain by a change of variable.

    Args:
        activation: What it computes.
        name: The function it calls.
        arguments: Of ``__init__``, as text.
    """
    title = class_name(name)
    names = [p.name for p in activation.free_parameters]
    if not names:
        return f'''
class {title}(nn.Module):
    """Module form of `{name}`; it has no parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return {name}(x)

    def extra_repr(self) -> str:
        return "{bound(activation)}"
'''
    note = [
        f"Module form of `{name}`.",
        "",
        "Args:",
        *(f"    {p.name}: {prose(p.meaning) or 'parameter'}; {p.domain.describe(p.name)}."
          for p in activation.free_parameters),
        "    learnable: Train the parameters too. A bounded one is trained through a free",
        "        number, raw, and so stays inside its domain whatever the optimizer does:",
        "        softplus(raw) for one end, sigmoid(raw) between two.",
    ]  # fmt: skip
    keep = [f'self._keep("{n}", {n})' for n in names]
    properties = "\n\n".join(
        f'''    @property
    def {n}(self) -> float | Tensor:
        return self._kept("{n}")'''
        for n in names
    )
    call = "".join(f", self.{n}" for n in names)
    return f'''
def _to_raw(name: str, value: float | Tensor) -> Tensor:
    """The free number that `_from_raw` sends to ``value``."""
    low, high, domain, _ = _ADMISSIBLE[name]
    start = torch.as_tensor(value, dtype=torch.float64)
    if low > -torch.inf and high < torch.inf:
        raw = torch.logit((start - low) / (high - low))
    elif low > -torch.inf or high < torch.inf:
        above = start - low if low > -torch.inf else high - start
        raw = above + torch.log(-torch.expm1(-above))
    else:
        raw = start
    if not torch.isfinite(raw).all():
        raise ValueError(
            f"A learnable {{name}} starts strictly inside {{domain}}; found {{name}}={{value}}."
        )
    return raw.to(torch.get_default_dtype())


def _from_raw(name: str, raw: Tensor) -> Tensor:
    """A number in the domain of the parameter."""
    low, high, *_ = _ADMISSIBLE[name]
    if low > -torch.inf and high < torch.inf:
        return low + (high - low) * torch.sigmoid(raw)
    if low > -torch.inf:
        return low + nn.functional.softplus(raw)
    if high < torch.inf:
        return high - nn.functional.softplus(raw)
    return raw


def _shown(value: float | Tensor) -> str:
    value = torch.as_tensor(value).detach()
    many = value.numel() != 1
    return f"<{{tuple(value.shape)}}>" if many else f"{{value.item():.6g}}"


class {title}(nn.Module):
{docstring(note, 4)}

{head("__init__", arguments, "None", 4)}
        super().__init__()
        self.learnable = bool(learnable)
{indented(keep, 8)}

    def _keep(self, name: str, value: float | Tensor) -> None:
        *_, domain, admissible = _ADMISSIBLE[name]
        numbers = torch.as_tensor(value).flatten().tolist()
        if not all(admissible(number) for number in numbers):
            raise ValueError(f"{title} needs {{domain}}; found {{name}}={{value}}.")
        if self.learnable:
            self.register_parameter(f"raw_{{name}}", nn.Parameter(_to_raw(name, value)))
        elif isinstance(value, Tensor):
            self.register_buffer(f"fixed_{{name}}", value.detach().clone())
        else:
            setattr(self, f"fixed_{{name}}", float(value))

    def _kept(self, name: str) -> float | Tensor:
        if self.learnable:
            return _from_raw(name, getattr(self, f"raw_{{name}}"))
        return getattr(self, f"fixed_{{name}}")

{properties}

    def forward(self, x: Tensor) -> Tensor:
        return {name}(x{call})

    def extra_repr(self) -> str:
        shown = [f"{{n}}={{_shown(getattr(self, n))}}" for n in _ADMISSIBLE]
        return ", ".join([*shown, f"learnable={{self.learnable}}"])
'''
