"""Low-rank changes (LoRA, arXiv:2106.09685) to chosen matrices of a frozen decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from assistant.errors import ConfigError
from assistant.language.decoder_config import DecoderConfig

TARGETS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
"""A layer's matrices, by llama.cpp's names."""
SHORT_NAMES: Mapping[str, str] = dict(zip(("q", "k", "v", "o", "gate", "up", "down"), TARGETS, strict=True))


class LowRankChanges(nn.Module):
    """For each chosen matrix W (out, in) of each layer `down` (r, in) and `up` (out, r): W x becomes W x + alpha / r · up down x.

    `up` begins at zero, so that an untrained change is none.
    """

    def __init__(
        self, config: DecoderConfig, *, targets: Sequence[str], rank: int, alpha: float, dropout: float = 0.0, seed: int = 0
    ) -> None:
        """Make them.

        Args:
            config: Of the decoder.
            targets: Short names: q, k, v, o, gate, up, down.
            rank: r.
            alpha: See above.
            dropout: Of the r numbers between the two.
            seed: Of `down`.

        Raises:
            ConfigError: There is no such target, or r is not positive.
        """
        super().__init__()
        if unknown := [name for name in targets if name not in SHORT_NAMES]:
            raise ConfigError(f"no matrix is called {', '.join(unknown)}", hint=f"known: {', '.join(SHORT_NAMES)}")
        if rank < 1:
            raise ConfigError(f"the rank is {rank}", hint="16 is a good one")
        self.rank, self.alpha, self.dropout = rank, alpha, dropout
        self.targets = tuple(targets)
        queries, keys = config.heads * config.head_width, config.key_value_heads * config.head_width
        width, inner = config.width, config.intermediate_width
        shapes = {
            "attn_q": (queries, width),
            "attn_k": (keys, width),
            "attn_v": (keys, width),
            "attn_output": (width, queries),
            "ffn_gate": (inner, width),
            "ffn_up": (inner, width),
            "ffn_down": (width, inner),
        }
        chance = torch.Generator().manual_seed(seed)
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for layer in range(config.layers):
            for target in (SHORT_NAMES[name] for name in targets):
                rows, columns = shapes[target]
                bound = 1 / math.sqrt(columns)
                down = torch.empty(rank, columns).uniform_(-bound, bound, generator=chance)
                self.down[_key(layer, target)] = nn.Parameter(down)
                self.up[_key(layer, target)] = nn.Parameter(torch.zeros(rows, rank))

    def apply_to(self, products_MC: Tensor, inputs_MD: Tensor, layer: int, parts: Mapping[str, int]) -> Tensor:
        """The products of matrices that lie one below the other, with their changes.

        Args:
            products_MC: Of the frozen matrices; is changed in place.
            inputs_MD: What they were multiplied with.
            layer: Of the decoder.
            parts: The matrices' names and rows, from the first to the last.
        """
        chosen = [name for name in parts if _key(layer, name) in self.down]
        if not chosen:
            return products_MC
        down_RD = torch.cat([self.down[_key(layer, name)] for name in chosen]).to(inputs_MD.dtype)
        low_MR = functional.dropout(functional.linear(inputs_MD, down_RD), self.dropout, self.training)
        blocks = [
            self.up[_key(layer, name)] if name in chosen else products_MC.new_zeros(rows, 0, dtype=torch.float32)
            for name, rows in parts.items()
        ]
        diagonal_CR: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
        up_CR = (diagonal_CR * (self.alpha / self.rank)).to(inputs_MD.dtype)
        return products_MC.addmm_(low_MR, up_CR.T)

    @torch.no_grad()
    def exported(self) -> dict[str, Tensor]:
        """For a connector file: `blk.0.attn_q.down` and `.up`, alpha / r in `up`, so that W + up @ down is the changed matrix."""
        changes: dict[str, Tensor] = {}
        for key, down in self.down.items():
            name = key.replace("-", ".")
            changes[f"{name}.down"] = down.detach().clone()
            changes[f"{name}.up"] = self.up[key].detach() * (self.alpha / self.rank)
        return changes

    @torch.no_grad()
    def restore(self, changes: Mapping[str, Tensor]) -> None:
        """Take over what `exported` made.

        Raises:
            ConfigError: It was made for other matrices or another rank.
        """
        ours = {name: tensor.shape for name, tensor in self.exported().items()}
        if ours != {name: tensor.shape for name, tensor in changes.items()}:
            raise ConfigError("the file changes other matrices, or with another rank", hint="give its own --targets and --rank")
        for key, down in self.down.items():
            name = key.replace("-", ".")
            down.copy_(changes[f"{name}.down"])
            self.up[key].copy_(changes[f"{name}.up"].float() * (self.rank / self.alpha))


def _key(layer: int, target: str) -> str:
    """A parameter's name may hold no full stop."""
    return f"blk-{layer}-{target}"
