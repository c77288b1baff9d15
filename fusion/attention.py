"""Attention between token sequences (n, tokens, size), written out: the flop counter sees no fused kernel.

Keys have no bias: it would move all scores of a query alike and never receive a gradient. Scaled dot-product
attention: Vaswani et al. 2017, arXiv 1706.03762; layer normalisation before each part, as in Xiong et al.
2020, arXiv 2002.04745.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Attention(nn.Module):
    """softmax(Q_h K_hᵀ/√(size/heads)) V_h for each head h, side by side, and a Linear after them.

    Parameters
    ----------
    size
        Numbers in a token of queries, and in what is returned.
    heads
        A divisor of `size`.
    context
        Numbers in a token of the context; `size` where None.
    """

    def __init__(self, size: int, heads: int = 1, context: int | None = None):
        super().__init__()
        if size % heads:
            raise ValueError(f"heads={heads} does not divide the token size {size}")
        context = context or size
        self.heads = heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(context, size, bias=False)
        self.value = nn.Linear(context, size)
        self.out = nn.Linear(size, size)

    def forward(self, tokens: Tensor, context: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return what tokens (n, t, size) read from the context (n, c, …): (n, t, size).

        `kept`, (n, c) bool, names the tokens of the context that may be read; at least one a row.
        """
        q, k, v = (self._split(x) for x in (self.query(tokens), self.key(context), self.value(context)))
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
        if kept is not None:
            scores = scores.masked_fill(~kept[:, None, None], float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Linear(size, factor·size) → GELU → Linear(factor·size, size), token by token."""

    def __init__(self, size: int, factor: int = 2):
        super().__init__(nn.Linear(size, factor * size), nn.GELU(), nn.Linear(factor * size, size))


class SelfBlock(nn.Module):
    """t + Attention(LN t, LN t), then t + FeedForward(LN t): one layer of a transformer."""

    def __init__(self, size: int, heads: int = 4):
        super().__init__()
        self.attention, self.feed = Attention(size, heads), FeedForward(size)
        self.norms: Any = nn.ModuleList(nn.LayerNorm(size) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape (n, t, size)."""
        inner = self.norms[0](tokens)
        tokens = tokens + self.attention(inner, inner)
        return tokens + self.feed(self.norms[1](tokens))


class CrossBlock(nn.Module):
    """t + Attention(LN t, LN c), then t + FeedForward(LN t): tokens t read a context c."""

    def __init__(self, size: int, heads: int = 4, context: int | None = None):
        super().__init__()
        self.attention, self.feed = Attention(size, heads, context), FeedForward(size)
        self.norms: Any = nn.ModuleList(nn.LayerNorm(n) for n in (size, context or size, size))

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """Return tokens of the same shape (n, t, size); the context is (n, c, …)."""
        tokens = tokens + self.attention(self.norms[0](tokens), self.norms[1](context))
        return tokens + self.feed(self.norms[2](tokens))


def heads_of(size: int, most: int = 4) -> int:
    """Return the largest number of heads up to `most` that divides a token size."""
    return next(heads for heads in range(most, 0, -1) if size % heads == 0)


def repeated(tokens: Tensor, rows: int) -> Tensor:
    """Return learned tokens (t, size) once for every row, (rows, t, size)."""
    return tokens.expand(rows, *tokens.shape).clone()  # a view of a parameter breaks the flop counter
