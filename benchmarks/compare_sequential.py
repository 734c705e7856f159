"""The same trainings as `rescu compare relu smelu swish --seeds N`, one after the other.

An ordinary PyTorch loop: nn.Sequential, torch.optim.Adam, cosine schedule, the whole data set as
one tensor (no DataLoader), default settings of everything else.

    python benchmarks/compare_sequential.py [N]
"""

from __future__ import annotations

import math
import sys

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

EPOCHS, BATCH, LR = 30, 64, 1e-3


class SmeLU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) + torch.clamp(1 - x.abs(), min=0) ** 2 / 4


ACTIVATIONS = {"relu": (nn.ReLU, 1.4142), "smelu": (SmeLU, 1.3803), "swish": (nn.SiLU, 1.6765)}


def train(name: str, seed: int, x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    activation, gain = ACTIVATIONS[name]
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 128), activation(), nn.Linear(128, 64), activation(), nn.Linear(64, 10)
    )
    linears = [module for module in model if isinstance(module, nn.Linear)]
    for module in linears:
        scale = 1.0 if module is linears[-1] else gain
        nn.init.normal_(module.weight, std=scale / math.sqrt(module.in_features))
        nn.init.zeros_(module.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    n_steps = EPOCHS * math.ceil(len(x) / BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    criterion = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            criterion(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return model


def main(n_seeds: int) -> None:
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    mean, deviation = x_train.mean(), x_train.std()
    x_train = torch.tensor((x_train - mean) / deviation, dtype=torch.float32)
    x_test = torch.tensor((x_test - mean) / deviation, dtype=torch.float32)
    y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)
    for name in ACTIVATIONS:
        models = [train(name, seed, x_train, y_train) for seed in range(n_seeds)]
        with torch.no_grad():
            p = torch.stack([model(x_test).softmax(1) for model in models])
        accuracy = (p.argmax(2) == y_test).double().mean()
        pd = (p - p.mean(0)).abs().sum(2).mean()
        print(f"{name}: accuracy {accuracy:.4f}, pd_l1 {pd:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
