"""A recurrent controller that writes formulas word by word, and learns from their reward.

Policy gradient (Williams, 1992): an LSTM gives the logits of each word after those before it. For
a batch of formulas with rewards R the loss is

    −mean((R − b)·Σ_t log π(w_t | w_<t)) − c·(mean entropy),

b a running mean of the rewards. log π is computed from the controller's parameters by autograd and
R is a number, so that the gradient reaches the controller and nothing else; a test plants a reward
and sees the controller beat random search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from rescu_cli.search.formula import Formula, Unit
from rescu_cli.search.grammar import BINARY, UNARY
from rescu_cli.search.outcome import Objective, Outcome
from rescu_cli.search.space import rejection

HIDDEN, LR, ENTROPY, MEMORY, BATCH = 48, 0.01, 0.02, 0.8, 32
_WIRES = ((0, 1), (1, 0), (1, 1))
_UNWORTHY = -2.0
"""Reward of what cannot be trained: the least there is."""


def choices(n_units: int) -> tuple[int, ...]:
    """Words at each step: two unaries, a binary, and from the second unit on, on what they act."""
    sizes = [len(UNARY), len(UNARY), len(BINARY)]
    return tuple(sizes + [*sizes, len(_WIRES)] * (n_units - 1))


def spelled(words: Sequence[int], n_units: int) -> Formula:
    """The formula that a sequence of words is."""
    units, rest = [], list(words)
    for number in range(n_units):
        first, second, binary = rest[:3]
        wires = (0, 0) if number == 0 else _WIRES[rest[3]]
        rest = rest[3 if number == 0 else 4 :]
        units.append(Unit(binary, (first, wires[0]), (second, wires[1])))
    return Formula(tuple(units))


class Controller(nn.Module):
    """π(w_t | w_<t), one linear head per step.

    Args:
        sizes: Words to choose from at each step.
        hidden: Of the LSTM.
    """

    def __init__(self, sizes: Sequence[int], hidden: int = HIDDEN) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self._start = nn.Parameter(torch.zeros(hidden))
        self._words = nn.ModuleList(nn.Embedding(size, hidden) for size in sizes)
        self._cell = nn.LSTMCell(hidden, hidden)
        heads = [nn.Linear(hidden, size) for size in sizes]
        for head in heads:  # every word is as likely as any other at first
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self._heads = nn.ModuleList(heads)

    def log_probabilities(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Σ_t log π of each sequence (n, steps), and the mean entropy of its steps; both (n,)."""
        total = torch.zeros(len(words))
        entropy = torch.zeros(len(words))
        for step, logits in enumerate(self._logits(words)):
            log_p = torch.log_softmax(logits, 1)
            total = total + log_p.gather(1, words[:, step : step + 1])[:, 0]
            entropy = entropy - (log_p.exp() * log_p).sum(1) / len(self.sizes)
        return total, entropy

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Sequences of words, int64, (n, steps)."""
        words = torch.zeros(n, len(self.sizes), dtype=torch.int64)
        with torch.no_grad():
            for step, logits in enumerate(self._logits(words)):
                # A step is drawn before the generator asks for the next one's logits.
                drawn = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)
                words[:, step] = drawn[:, 0]
        return words

    def _logits(self, words: Tensor) -> Iterator[Tensor]:
        """The logits of each step; a step's words are read after its logits were given."""
        n = len(words)
        h = c = torch.zeros(n, self._cell.hidden_size)
        given = self._start.expand(n, -1)
        for step, (head, table) in enumerate(zip(self._heads, self._words, strict=True)):
            h, c = self._cell(given, (h, c))
            yield head(h)
            given = table(words[:, step])


class Learner:
    """A controller with its optimizer and its running mean of rewards.

    Args:
        sizes: Words to choose from at each step.
        seed: Of the initial weights and of what is drawn.
    """

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.controller = Controller(sizes)
        self._generator = torch.Generator().manual_seed(seed)
        self._optimizer = torch.optim.Adam(self.controller.parameters(), lr=LR)
        self._baseline: float | None = None

    def sample(self, n: int) -> Tensor:
        """Sequences of words, int64, (n, steps)."""
        return self.controller.sample(n, self._generator)

    def learn(self, words: Tensor, rewards: Sequence[float]) -> None:
        """One step of the policy gradient."""
        r = torch.tensor(rewards, dtype=torch.float32)
        mean = float(r.mean())
        b = mean if self._baseline is None else self._baseline
        self._baseline = MEMORY * b + (1 - MEMORY) * mean
        log_p, entropy = self.controller.log_probabilities(words)
        # Divided by their spread: rewards of 0.90 and 0.92 teach as much as 0 and 1.
        advantage = (r - b) / (float(r.std(correction=0)) + 1e-6)
        loss = -(advantage * log_p).mean() - ENTROPY * entropy.mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.controller.parameters(), 5.0)
        self._optimizer.step()


def reinforce(
    n_units: int,
    evaluate: Callable[[Sequence[Formula], int], Sequence[Outcome]],
    objective: Objective,
    rng: np.random.Generator,
    *,
    n_trained: int,
    spent: Callable[[], float] = lambda: 0.0,
    batch: int = BATCH,
    answers: Mapping[bytes, Outcome] | None = None,
) -> list[tuple[Formula, Outcome]]:
    """Lets a controller write formulas until so many are trained, or the budget is spent.

    A function that was trained before answers from memory, so that the controller may repeat
    itself at no cost; it stops after as many batches without a new one as it has words.

    Args:
        n_units: Of a formula.
        evaluate: (formulas, generation) ↦ an outcome for each.
        objective: What is better, and the reward.
        rng: For the seed of the controller.
        n_trained: Formulas to train in all.
        spent: Share of the time budget that is used up, looked at between batches.
        batch: Formulas written at a time.
        answers: Outcomes by mark that are known before, such as those of the null rows.

    Returns:
        Every formula that was trained, in the order of training.
    """
    sizes = choices(n_units)
    learner = Learner(sizes, int(rng.integers(2**31)))
    known = dict(answers or {})
    history: list[tuple[Formula, Outcome]] = []
    generation = idle = 0
    while len(history) < n_trained and idle < len(UNARY) and (not history or spent() < 1):
        words = learner.sample(batch)
        formulas = [spelled(row, n_units) for row in words.tolist()]
        marks = [formula.shape() for formula in formulas]
        new: dict[bytes, Formula] = {}
        for mark, formula in zip(marks, formulas, strict=True):
            if mark in known or mark in new or rejection(formula) is not None:
                continue
            if len(history) + len(new) < n_trained:
                new[mark] = formula
        if new:
            found = list(zip(new.values(), evaluate(list(new.values()), generation), strict=True))
            history += found
            known |= dict(zip(new, (outcome for _, outcome in found), strict=True))
            generation += 1
        idle = 0 if new else idle + 1
        rewards = {
            i: objective.reward(known[mark]) if mark in known else _UNWORTHY
            for i, (mark, formula) in enumerate(zip(marks, formulas, strict=True))
            if mark in known or rejection(formula) is not None
        }
        learner.learn(words[list(rewards)], list(rewards.values()))
    return history
