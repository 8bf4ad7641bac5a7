"""Token types: which segment of a text a token belongs to, by the separators that stand before it.

Axes: B batch, L position, D d_model.
"""

from __future__ import annotations

from torch import Tensor, nn

from tfcli.config.fields import Annotated, Count, Field
from tfcli.model.embedding import Table
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class TokenTypes(nn.Module):
    """No types at all, and the base class of all others.

    A class of types has a `forward(x, tokens, may_attend)` that returns the embeddings `x` [B, L, D] of
    `tokens` [B, L] with their types put in. Padding, where `may_attend` is False, is no separator. Where the
    first tokens are kept in a cache, `x` is of the last ones alone.

    Args:
        n_tokens: different tokens.
    """

    explained: Explanation | None = None  # what it adds to the embeddings

    def __init__(self, sizes: Sizes, n_tokens: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, tokens: Tensor, may_attend: Tensor | None = None) -> Tensor:
        return x


class SeparatedTypes(TokenTypes):
    """A learned vector for each segment of a text; a separator ends one (Devlin et al. 2018, 1810.04805).

    A token's type is the number of separators before it, and never more than the last type there is. So
    the tokens alone tell their types, and a separator belongs to what it ends.
    """

    explained = Explanation("A learned vector for its segment is added.", " + S[separators before it]")

    def __init__(
        self,
        sizes: Sizes,
        n_tokens: int,
        *,
        separator: Annotated[int, Field(ge=0, description="id of the symbol that ends a segment")],
        count: Annotated[Count, Field(le=65_536, description="different types of tokens")] = 2,
    ) -> None:
        super().__init__(sizes, n_tokens)
        if separator >= n_tokens:
            raise ValueError(f"the separator is symbol {separator}, and symbols are 0 to {n_tokens - 1}")
        self.separator = separator
        self.table = Table(count, sizes.d_model)

    def forward(self, x: Tensor, tokens: Tensor, may_attend: Tensor | None = None) -> Tensor:
        rows: Tensor = self.table(self.types(tokens, may_attend)[..., -x.shape[-2] :])  # [B, L, D]
        return x + rows

    def types(self, tokens: Tensor, may_attend: Tensor | None = None) -> Tensor:
        """Return the type of each of `tokens`, int64 [B, L]."""
        ends = tokens == self.separator
        if may_attend is not None:
            ends = ends & may_attend
        return (ends.cumsum(-1) - ends.long()).clamp(max=self.table.num_embeddings - 1)
