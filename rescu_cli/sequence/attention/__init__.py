"""Attention with any activation in place of softmax, beside softmax, sparsemax and 1.5-entmax."""
