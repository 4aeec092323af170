"""The building blocks of a Temporal Fusion Transformer (Lim et al., arXiv 1912.09363), with fixed shapes.

Every block takes tensors with any leading dimensions that broadcast against each other. A variable that all
series of a server share can therefore come as [servers, 1, tokens, width] and is embedded once per server,
not once per series. In-place operations are only those whose inputs no backward pass needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus_server.forecast.kernels import LayerNorm, Linear, linear, many_rows


class ResampleNorm(nn.Module):
    """Linear interpolation of the last dimension to `output_size`, a trainable gain, and layer norm."""

    matrix: Tensor

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        # Interpolation is a fixed linear map; as a matrix it is one small product.
        matrix = F.interpolate(
            torch.eye(input_size)[:, None], output_size, mode="linear", align_corners=True
        ).squeeze(1)
        self.register_buffer("matrix", matrix, persistent=False)
        self.resampled = input_size != output_size
        self.gain = nn.Parameter(torch.zeros(output_size))
        self.norm = LayerNorm(output_size)

    def forward(self, x: Tensor) -> Tensor:
        """[..., input_size] -> [..., output_size]."""
        return self.finish(x @ self.matrix if self.resampled else x)

    def finish(self, resampled: Tensor) -> Tensor:
        """Apply gain and norm to an input that already has the output size."""
        normed: Tensor = self.norm(resampled * (2.0 * torch.sigmoid(self.gain)))
        return normed


class GatedLinearUnit(nn.Module):
    """Dropout, a linear layer to twice the size, and one half gating the other."""

    def __init__(self, input_size: int, output_size: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc = Linear(input_size, 2 * output_size)
        nn.init.xavier_uniform_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., input_size] -> [..., output_size]."""
        return F.glu(self.fc(self.dropout(x)), dim=-1)


class GateAddNorm(nn.Module):
    """layer_norm(GLU(x) + skip)."""

    def __init__(self, input_size: int, output_size: int, dropout: float) -> None:
        super().__init__()
        self.glu = GatedLinearUnit(input_size, output_size, dropout)
        self.norm = LayerNorm(output_size)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """[..., input_size], [..., output_size] -> [..., output_size]."""
        normed: Tensor = self.norm(self.glu(x).add_(skip))
        return normed


class GatedResidualNetwork(nn.Module):
    """The GRN: two linear layers with ELU between, gated, added to the (resampled) input, normalised."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        dropout: float,
        context_size: int | None = None,
    ) -> None:
        super().__init__()
        self.resample = ResampleNorm(input_size, output_size) if input_size != output_size else None
        self.fc1 = Linear(input_size, hidden_size)
        self.context = Linear(context_size, hidden_size, bias=False) if context_size is not None else None
        self.fc2 = Linear(hidden_size, hidden_size)
        self.gate = GateAddNorm(hidden_size, output_size, dropout)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="leaky_relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """[..., input_size], optional [..., context_size] -> [..., output_size]."""
        return self.tail(self.fc1(x), self.resample(x) if self.resample is not None else x, context)

    def tail(self, hidden: Tensor, skip: Tensor, context: Tensor | None) -> Tensor:
        """What follows the first linear layer: `hidden` is its output, `skip` has the output size."""
        if context is not None and self.context is not None:
            hidden = hidden + self.context(context)
        hidden = F.elu(hidden, inplace=True)
        if self.training or torch.is_grad_enabled() or not many_rows(hidden):
            gated: Tensor = self.gate(self.fc2(hidden), skip)
            return gated
        # Without dropout nothing lies between the second layer and the gate's: two products become one.
        outer = self.gate.glu.fc
        weight = outer.weight @ self.fc2.weight
        bias = torch.addmv(outer.bias, outer.weight, self.fc2.bias)
        normed: Tensor = self.gate.norm(F.glu(linear(hidden, weight, bias), dim=-1).add_(skip))
        return normed


class VariableSelection(nn.Module):
    """Embeds each variable on its own and adds the embeddings up with softmax weights it learns to choose.

    Reals pass a linear layer (`width` values a token to `real_size`) and a GRN; categoricals arrive embedded
    and are only resampled. A single variable is embedded without selection.

    Args:
        categorical_sizes: Embedding size of each categorical variable; these come first.
        real_widths: Values per token of each real variable.
        real_size: Size a real variable is scaled up to before its GRN.
        hidden_size: Size of the output.
        dropout: Dropout of every GRN.
        context_size: Size of the static context that the selection weights see, None for none.
    """

    def __init__(
        self,
        categorical_sizes: Sequence[int],
        real_widths: Sequence[int],
        real_size: int,
        hidden_size: int,
        dropout: float,
        context_size: int | None = None,
    ) -> None:
        super().__init__()
        self.categoricals = len(categorical_sizes)
        self.sizes = [*categorical_sizes, *([real_size] * len(real_widths))]
        self.prescalers = nn.ModuleList(Linear(width, real_size) for width in real_widths)
        self.embedders = nn.ModuleList(
            [ResampleNorm(size, hidden_size) for size in categorical_sizes]
            + [
                GatedResidualNetwork(real_size, min(real_size, hidden_size), hidden_size, dropout)
                for _ in real_widths
            ]
        )
        count = len(self.sizes)
        self.selector = (
            GatedResidualNetwork(
                sum(self.sizes), min(hidden_size, count), count, dropout, context_size=context_size
            )
            if count > 1
            else None
        )

    def forward(self, variables: Sequence[Tensor], context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Embed and mix the variables.

        Args:
            variables: One tensor per variable, categoricals first, [..., size or width], broadcastable.
            context: [..., context_size].

        Returns:
            The mixture [..., hidden_size] and the weights [..., variables].
        """
        scaled = [
            variable if index < self.categoricals else self.prescalers[index - self.categoricals](variable)
            for index, variable in enumerate(variables)
        ]
        embedded = [embedder(x) for embedder, x in zip(self.embedders, scaled, strict=True)]
        if self.selector is None:
            return embedded[0], torch.ones_like(embedded[0][..., :1])
        weights = self._weights(self.selector, scaled, context)
        mixture = embedded[0] * weights[..., 0:1]
        for index in range(1, len(embedded)):
            mixture = torch.addcmul(mixture, embedded[index], weights[..., index : index + 1])
        return mixture, weights

    def _weights(
        self, selector: GatedResidualNetwork, scaled: Sequence[Tensor], context: Tensor | None
    ) -> Tensor:
        """Selection weights [..., variables], as the GRN over the concatenation of all variables.

        A product with a concatenation is a sum of products. Taken apart, a variable shared by many series is
        multiplied once, and no [..., sum of sizes] tensor is ever written.
        """
        resample = selector.resample
        resample_matrix = resample.matrix if resample is not None else torch.eye(len(scaled))
        columns = torch.split(torch.cat((selector.fc1.weight.t(), resample_matrix), dim=1), self.sizes)
        total = scaled[0] @ columns[0]
        for x, matrix in zip(scaled[1:], columns[1:], strict=True):
            total = total + x @ matrix
        hidden, skip = torch.split(total, [selector.fc1.out_features, len(scaled)], dim=-1)
        if resample is not None:
            skip = resample.finish(skip)
        # The logits leave a layer norm, so they are bounded and exp needs no shift. Slices add up faster than
        # a reduction over so few elements.
        weights = torch.exp(selector.tail(hidden + selector.fc1.bias, skip, context))
        normalizer = weights[..., 0:1]
        for index in range(1, len(scaled)):
            normalizer = normalizer + weights[..., index : index + 1]
        return weights / normalizer


class InterpretableAttention(nn.Module):
    """Multi-head attention whose heads share one value projection, so that their mean is one attention map.

    All heads go through one product. Queries are the decoder tokens; decoder token i sees every encoder token
    and the decoder tokens before it, never itself.
    """

    mask: Tensor

    def __init__(self, hidden_size: int, heads: int, queries: int, keys: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.head_size = hidden_size // heads
        self.query = Linear(hidden_size, heads * self.head_size)
        self.key = Linear(hidden_size, heads * self.head_size)
        self.value = Linear(hidden_size, self.head_size)
        self.output = Linear(self.head_size, hidden_size, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.queries = queries
        mask = torch.zeros(queries, keys)
        own = torch.arange(queries)
        mask[:, keys - queries :].masked_fill_(own[None, :] >= own[:, None], -1e9)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from the last `queries` tokens to all.

        Args:
            x: [series, keys, hidden].

        Returns:
            [series, queries, hidden] and the attention map [series, heads, queries, keys].
        """
        queries = self.query(x[:, -self.queries :]).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys = self.key(x).unflatten(-1, (self.heads, -1)).permute(0, 2, 3, 1)
        scores = (queries @ keys).mul_(self.head_size**-0.5).add_(self.mask)
        attention = torch.softmax(scores, dim=-1)  # [series, heads, queries, keys]
        # All heads share the values, so the mean over heads may be taken before the product.
        mixed = attention.mean(dim=1) @ self.value(x)
        return self.dropout(self.output(mixed)), attention
