"""Small models that call ReLU in every way in which models do."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """A module in place, a call, and a skip connection that reads what was overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        out = self.second(self.act(x))
        return functional.relu(x + out)


class Every(nn.Module):
    """Modules in containers, a shared one, functions, methods, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.many = nn.ModuleList([Block(), Block()])
        self.named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.SiLU()})
        self.shared = nn.ReLU()
        self.again = self.shared
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for block in self.many:
            x = block(x)
        x = self.again(self.shared(self.named["b"](self.named["a"](x))))
        x = functional.dropout(x - 0.1, 0.5, self.training)
        x.relu_()
        x = functional.relu(x - 0.1, inplace=True)
        return self.last(x.relu())


class Branching(nn.Module):
    """The branch depends on data: nothing can be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(x) - 0.5
        if bool(x.sum() > -1e9):
            x = functional.relu(x)
        return x


class Around(nn.Module):
    """Calls ReLU itself and has a child that cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.child = Branching()

    def forward(self, x: Tensor) -> Tensor:
        return self.child(torch.relu(x))


class Optional(nn.Module):
    """A trace takes one of the two ways; the forward must keep both."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return functional.relu(x)
        return functional.relu(x) * mask


class Unreached(nn.Module):
    """ReLU only where the trace does not go."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = False

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x) if self.flag else x


class Unlisted(nn.Module):
    """A module in a plain list is no child, so that nobody finds it."""

    def __init__(self) -> None:
        super().__init__()
        self.acts = [nn.ReLU()]

    def forward(self, x: Tensor) -> Tensor:
        return self.acts[0](x)


class Sub(nn.ReLU):
    """A subclass may compute something else; this one calls what it inherits."""


class Gates(nn.Module):
    """Sigmoid as a call around an activation that itself is made of sigmoids."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x) + self.act(x)
