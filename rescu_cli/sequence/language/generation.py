"""Text from a trained model, token by token, in the recurrent form."""

from __future__ import annotations

import torch
from torch import Tensor

from rescu_cli.errors import UsageError
from rescu_cli.sequence.language.model import LanguageModel


def continue_text(
    model: LanguageModel,
    prompt: Tensor,
    n_tokens: int,
    generator: torch.Generator | None = None,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """``n_tokens`` more tokens for each prompt; time and memory per token are constant.

    Args:
        model: Trained.
        prompt: Int64 (T,) or (B, T), T at least 1.
        n_tokens: How many to add.
        generator: Tokens are sampled with it; None takes the likeliest token (the first of ties).
        temperature: Logits are divided by it before sampling.

    Returns:
        The new tokens, int64 (n_tokens,) or (B, n_tokens).

    Raises:
        UsageError: For an empty prompt, a token that the model does not know, or a temperature
            that is not positive.
    """
    texts = prompt if prompt.ndim == 2 else prompt[None]
    if texts.shape[1] == 0:
        raise UsageError("An empty prompt cannot be continued; give one token at least.")
    if int(texts.min()) < 0 or int(texts.max()) >= model.sizes.n_tokens:
        raise UsageError(
            f"Tokens from {int(texts.min())} to {int(texts.max())} in the prompt; the model knows "
            f"0 … {model.sizes.n_tokens - 1}."
        )
    if not temperature > 0:
        raise UsageError(f"Temperature {temperature} must be positive.")
    with torch.no_grad():
        memory, found = model.start(len(texts)), []
        logits = torch.empty(0)
        for column in texts.unbind(1):
            logits, memory = model.step(column, memory)
        for number in range(n_tokens):
            if generator is None:
                token = logits.argmax(-1)
            else:
                chances = torch.softmax(logits / temperature, -1)
                token = torch.multinomial(chances, 1, generator=generator)[:, 0]
            found.append(token)
            if number + 1 < n_tokens:
                logits, memory = model.step(token, memory)
    new = torch.stack(found, 1) if found else texts.new_empty((len(texts), 0))
    return new if prompt.ndim == 2 else new[0]
