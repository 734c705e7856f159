"""Exchange the activations of two networks, and see what changed: a small ResNet, a transformer."""

import torch
from torch import Tensor, nn
from torch.nn import functional

import rescu_cli as rescu
from rescu_cli.network import count_calls


class Block(nn.Module):
    """Two convolutions around a skip connection; one ReLU is a module, one a call."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        return functional.relu(x + self.second(self.act(self.norm(self.first(x)))))


def report(name: str, model: nn.Module, x: Tensor) -> None:
    """Swap, and compare calls and outputs before and after."""
    model.eval()
    with torch.no_grad():
        before, calls = model(x), sum(count_calls(model, [x]).values())
        done = rescu.swap(model, "smelu:beta=1")
        after, left = model(x), sum(count_calls(model, [x]).values())
    print(f"{name}: ReLU ran {calls} times, now {left}; outputs moved by up to "
          f"{float((after - before).abs().max()):.3f}")  # fmt: skip
    for row in done.replaced:
        print(f"  {row.name:10} {row.kind:10} {row.old} -> {row.new}")
    for kept in done.kept:
        print(f"  {kept.name:10} stays: {kept.old}: {kept.reason}")


torch.manual_seed(0)
resnet = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Block(8), Block(8), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.ReLU6(), nn.Linear(8, 10),
)  # fmt: skip
report("ResNet", resnet, torch.randn(2, 3, 16, 16))

layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
report("Transformer", nn.TransformerEncoder(layer, 2), torch.randn(2, 5, 16))
