"""Retention of one sequence in its parallel, recurrent and chunkwise forms.

Sun et al., Retentive Network, arXiv 2307.08621, equations 5 to 7. With γ of a head, places from 0:

    parallel    (QKᵀ ⊙ D)V,                     D_nm = γ^(n − m) for n ≥ m, else 0
    recurrent   S_n = γS_{n−1} + K_nᵀV_n,       o_n = Q_nS_n
    chunkwise   R_i = K_iᵀ(V_i ⊙ ζ) + γ^B R_{i−1},
                (Q_iK_iᵀ ⊙ D)V_i + (Q_iR_{i−1}) ⊙ ξ,
                ζ_j = γ^(B − j − 1),  ξ_j = γ^(j + 1)

They are one function. For numbers of moderate size the paper divides each row o_n by a positive
factor, which the group norm behind takes out again if its ε is 0. The factor is not the same in the
three forms, since each can know another one without reading everything:

    parallel    √(Σ_m D_nm) · max(|Σ_m R_nm|, 1),  with R the scores after the first division
    recurrent   √(Σ_m D_nm)
    chunkwise   √(Σ_m D_nm) within the chunk · max(Σ_m |R_nm|, largest column of the state, 1)

The last is what the authors' library does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rescu_cli.errors import UsageError
from rescu_cli.sequence.retention.decay import decay_matrix, decays, powers

SCORES = ("normalised", "plain")
MOST_SCORES = 2**24  # numbers of QKᵀ held at once by the parallel form


@dataclass(frozen=True)
class Heads:
    """Queries, keys and values of all heads; rotated and scaled already.

    Args:
        q: (B, H, T, d), any floating dtype.
        k: The same shape.
        v: (B, H, T, d_v).
        chunk: Rows of a chunk, 1 … T; the last chunk may be shorter.
        normalised: Whether rows are divided by the paper's factors.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    chunk: int
    normalised: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.chunk <= self.n_rows:
            raise UsageError(
                f"Chunks of {self.chunk} positions asked for a sequence of {self.n_rows}; a chunk "
                f"has 1 … {self.n_rows}."
            )

    @property
    def n_rows(self) -> int:
        """T."""
        return int(self.q.shape[2])

    @property
    def γ(self) -> Tensor:
        """Decay of each head, float64 (H,)."""
        return decays(self.q.shape[1]).to(self.q.device)


def parallel(heads: Heads) -> Tensor:
    """(QKᵀ ⊙ D)V, (B, H, T, d_v); block by block of rows, so that memory is linear in T."""
    q, k, v, n = heads.q, heads.k, heads.v, heads.n_rows
    block = max(1, MOST_SCORES // (q.shape[0] * q.shape[1] * n))
    place, γ = torch.arange(n, device=q.device), heads.γ
    found = []
    for start in range(0, n, block):
        end = min(start + block, n)
        decay = decay_matrix(γ, end, start)
        if heads.normalised:
            decay = decay / row_sums(γ, place[start:end]).sqrt()[:, :, None]
        scores = q[:, :, start:end] @ k[:, :, :end].transpose(-1, -2) * decay.to(q.dtype)
        if heads.normalised:
            scores = scores / scores.sum(-1, keepdim=True).abs().clamp_min(1)
        found.append(scores @ v[:, :, :end])
    return torch.cat(found, 2)


def recurrent(heads: Heads) -> Tensor:
    """o_n = Q_nS_n, one position after the other; the state is (B, H, d, d_v)."""
    q, k, v, n = heads.q, heads.k, heads.v, heads.n_rows
    γ = heads.γ
    keep = γ.view(-1, 1).expand(-1, n)
    add = torch.ones_like(keep)
    if heads.normalised:
        # S_n/√(Σ D_n) from S_{n−1}/√(Σ D_{n−1}): the state itself stays of moderate size.
        sums = row_sums(γ, torch.arange(n, device=γ.device))
        before = torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], 1)
        keep, add = keep * (before / sums).sqrt(), sums.rsqrt()
    keep, add = keep.to(q.dtype)[:, :, None, None], add.to(q.dtype)[:, :, None, None]
    state = q.new_zeros((*q.shape[:2], q.shape[-1], v.shape[-1]))
    found = torch.empty((*q.shape[:3], v.shape[-1]), dtype=q.dtype, device=q.device)
    for row in range(n):
        here = slice(row, row + 1)
        new = k[:, :, here].transpose(-1, -2) @ v[:, :, here]
        state = keep[:, row] * state + add[:, row] * new
        found[:, :, here] = q[:, :, here] @ state
    return found


def chunkwise(heads: Heads) -> Tensor:
    """The parallel form within chunks, the recurrent one from chunk to chunk."""
    q, k, v, γ = heads.q, heads.k, heads.v, heads.γ
    state = q.new_zeros((*q.shape[:2], q.shape[-1], v.shape[-1]))
    found = []
    for start in range(0, heads.n_rows, heads.chunk):
        here = slice(start, min(start + heads.chunk, heads.n_rows))
        size = here.stop - start
        part = q[:, :, here], k[:, :, here], v[:, :, here]
        decay, ξ = decay_matrix(γ, size), query_decay(γ, size)
        if heads.normalised:
            root = row_sums(γ, torch.arange(size, device=γ.device)).sqrt()
            decay, ξ = decay / root[:, :, None], ξ / root
        scores = part[0] @ part[1].transpose(-1, -2) * decay.to(q.dtype)
        rows = scores @ part[2] + part[0] @ state * ξ.to(q.dtype)[:, :, None]
        if heads.normalised:
            within = scores.abs().sum(-1, keepdim=True)
            across = state.abs().sum(-2).amax(-1)[:, :, None, None]
            rows = rows / torch.maximum(within, across).clamp_min(1)
        found.append(rows)
        ζ = value_decay(γ, size).to(q.dtype)[:, :, None]
        whole = powers(γ, torch.tensor(size, device=γ.device)).to(q.dtype)[:, None, None]
        state = whole * state + part[1].transpose(-1, -2) @ (part[2] * ζ)
    return torch.cat(found, 2)


def value_decay(γ: Tensor, size: int) -> Tensor:
    """ζ_j = γ^(B − j − 1): how far the end of a chunk lies behind its row j; (H, B)."""
    return powers(γ, size - 1 - torch.arange(size, device=γ.device))


def query_decay(γ: Tensor, size: int) -> Tensor:
    """ξ_j = γ^(j + 1): how far row j lies behind the end of the chunk before; (H, B)."""
    return powers(γ, 1 + torch.arange(size, device=γ.device))


def row_sums(γ: Tensor, rows: Tensor) -> Tensor:
    """Σ_m D_nm = (1 − γ^(n + 1))/(1 − γ) for rows n, float64 (H, rows)."""
    exponent = γ.log()[:, None] * (rows + 1).to(torch.float64)
    return -torch.expm1(exponent) / (1 - γ)[:, None]


FORMS: dict[str, Callable[[Heads], Tensor]] = {
    "parallel": parallel,
    "recurrent": recurrent,
    "chunkwise": chunkwise,
}
