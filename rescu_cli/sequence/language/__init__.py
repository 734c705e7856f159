"""Tiny character language models: the model, its training, text from it, text for it."""

from __future__ import annotations

from rescu_cli.sequence.language.generation import continue_text
from rescu_cli.sequence.language.model import LanguageModel, Memory
from rescu_cli.sequence.language.training import (
    Training,
    next_token_loss,
    train_language_model,
    windows_of,
)

__all__ = [
    "LanguageModel",
    "Memory",
    "Training",
    "continue_text",
    "next_token_loss",
    "train_language_model",
    "windows_of",
]
