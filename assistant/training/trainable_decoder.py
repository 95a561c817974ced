"""The decoder of `language/decoder.py` once more, such that gradients pass through it: frozen, many conversations side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from assistant.language.checkpoint import Checkpoint, needed
from assistant.training.low_rank import LowRankChanges


class TrainableDecoder:
    """Weights in one dtype, norms, softmax's sums and logits in float32.

    Linear layers see all positions of all conversations as one matrix. Attention is two batched products: for some hundred
    positions the backward pass of torch's fused attention takes longer than everything else together on a processor.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> None:
        """Dequantise the weights.

        Args:
            checkpoint: See `open_checkpoint`.
            device: Of torch.
            dtype: Of weights and of what is computed with them.

        Raises:
            WeightsCorruptError: A tensor is missing or has the wrong shape.
        """
        self.config = config = checkpoint.config
        self.device, self.dtype = torch.device(device), dtype
        queries, keys = config.heads * config.head_width, config.key_value_heads * config.head_width
        self._parts = {
            "qkv": {"attn_q": queries, "attn_k": keys, "attn_v": keys},
            "output": {"attn_output": config.width},
            "gate_up": {"ffn_gate": config.intermediate_width, "ffn_up": config.intermediate_width},
            "down": {"ffn_down": config.width},
        }
        columns = {"qkv": config.width, "output": queries, "gate_up": config.width, "down": config.intermediate_width}
        self._layers: list[dict[str, Tensor]] = []
        for index in range(config.layers):
            layer = {
                name: self._vector(checkpoint, f"blk.{index}.{name}.weight", config.width) for name in ("attn_norm", "ffn_norm")
            }
            for group, parts in self._parts.items():
                stored = [needed(checkpoint, f"blk.{index}.{name}.weight", rows, columns[group]) for name, rows in parts.items()]
                layer[group] = torch.cat([torch.from_numpy(x.dequantize()) for x in stored]).to(self.device, dtype)
                if (bias := _bias(checkpoint, index, parts)) is not None:
                    layer[f"{group}.bias"] = bias.to(self.device, dtype)
            self._layers.append(layer)
        self._norm_D = self._vector(checkpoint, "output_norm.weight", config.width)
        table = needed(checkpoint, "token_embd.weight", config.vocabulary_size, config.width)
        self._table_VD = torch.from_numpy(table.dequantize()).to(self.device, dtype)
        self._head_VD = self._table_VD
        if checkpoint.tensor("output.weight") is not None:
            head = needed(checkpoint, "output.weight", config.vocabulary_size, config.width)
            self._head_VD = torch.from_numpy(head.dequantize()).to(self.device, dtype)
        frequencies = config.rope_theta ** -(torch.arange(0, config.head_width, 2, dtype=torch.float64) / config.head_width)
        self._frequencies = frequencies.to(self.device)

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings of token ids in float32, (..., D)."""
        return self._table_VD[ids.to(self.device)].float()

    def __call__(
        self,
        prefix_ids_P: Tensor,
        rows_BTD: Tensor,
        changes: LowRankChanges | None = None,
        look: Callable[[int, Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The stream after the last norm, (B, T, D), to be given to `logits` where it is of interest.

        Args:
            prefix_ids_P: Token ids that all rows begin with, computed once; may be empty.
            rows_BTD: What follows, padded on the right.
            changes: To the weights.
            look: Given a layer and the stream on its way into it, (P + B · T, D), gives what goes in.
        """
        batch, length, width = rows_BTD.shape
        prefix = len(prefix_ids_P)
        stream_MD = torch.cat([self.embed(prefix_ids_P), rows_BTD.float().reshape(batch * length, width)])
        places = torch.cat([torch.arange(prefix), torch.arange(prefix, prefix + length).repeat(batch)]).to(self.device)
        turns = torch.outer(places.double(), self._frequencies)
        turns_M1W = torch.polar(torch.ones_like(turns), turns).to(torch.complex64)[:, None]
        masks = self._mask(prefix, 0), self._mask(length, prefix)
        for index, layer in enumerate(self._layers):
            if look is not None:
                stream_MD = look(index, stream_MD)
            inputs_MD = self._norm(stream_MD, layer["attn_norm"])
            qkv_MC = self._linear("qkv", layer, index, inputs_MD, changes)
            mixed_MC = self._attend(qkv_MC, turns_M1W, prefix, batch, masks)
            stream_MD = stream_MD + self._linear("output", layer, index, mixed_MC, changes)
            inputs_MD = self._norm(stream_MD, layer["ffn_norm"])
            gated_MC = _Gate.apply(self._linear("gate_up", layer, index, inputs_MD, changes))  # type: ignore[no-untyped-call]
            stream_MD = stream_MD + self._linear("down", layer, index, gated_MC, changes)
        return self._norm(stream_MD[prefix:], self._norm_D).view(batch, length, width)

    def logits(self, stream_ND: Tensor) -> Tensor:
        """What follows each of N positions, float32 (N, V)."""
        return functional.linear(stream_ND, self._head_VD).float()

    @torch.no_grad()
    def merge(self, changes: Mapping[str, Tensor]) -> None:
        """Add what `LowRankChanges.exported` gave to the weights."""
        for index, layer in enumerate(self._layers):
            for group, parts in self._parts.items():
                pieces = torch.split(layer[group], list(parts.values()))
                for name, piece in zip(parts, pieces, strict=True):
                    if f"blk.{index}.{name}.up" in changes:
                        piece += (changes[f"blk.{index}.{name}.up"] @ changes[f"blk.{index}.{name}.down"]).to(piece)

    def _vector(self, checkpoint: Checkpoint, name: str, width: int) -> Tensor:
        return torch.from_numpy(needed(checkpoint, name, 1, width).dequantize()[0]).to(self.device)

    def _norm(self, stream_MD: Tensor, weight_D: Tensor) -> Tensor:
        normed: Tensor = _RootMeanSquareNorm.apply(stream_MD, weight_D, self.config.rms_epsilon, self.dtype)  # type: ignore[no-untyped-call]
        return normed

    def _linear(
        self, group: str, layer: Mapping[str, Tensor], index: int, inputs_MD: Tensor, changes: LowRankChanges | None
    ) -> Tensor:
        products_MC = functional.linear(inputs_MD, layer[group], layer.get(f"{group}.bias"))
        return products_MC if changes is None else changes.apply_to(products_MC, inputs_MD, index, self._parts[group])

    def _attend(self, qkv_MC: Tensor, turns_M1W: Tensor, prefix: int, batch: int, masks: tuple[Tensor, Tensor]) -> Tensor:
        config = self.config
        heads, groups, width = config.heads, config.key_value_heads, config.head_width
        qkv_MHW = qkv_MC.view(len(qkv_MC), heads + 2 * groups, width)
        query_MHW, key_MHW, value_MHW = _Rotation.apply(qkv_MHW, turns_M1W, heads, groups)  # type: ignore[no-untyped-call]

        def rows(part_MHW: Tensor) -> Tensor:
            """Of the conversations, (B, H, T, W)."""
            return part_MHW[prefix:].view(batch, -1, *part_MHW.shape[1:]).transpose(1, 2)

        def shared(part_MHW: Tensor) -> Tensor:
            """Of the prefix, (1, H, P, W)."""
            return part_MHW[:prefix].transpose(0, 1)[None]

        query, key, value = (rows(part) for part in (query_MHW, key_MHW, value_MHW))
        if prefix == 0:
            return self._mix(query, key, value, masks[1])
        first = self._mix(shared(query_MHW), shared(key_MHW), shared(value_MHW), masks[0])
        key = torch.cat([shared(key_MHW).expand(batch, -1, -1, -1), key], dim=2)
        value = torch.cat([shared(value_MHW).expand(batch, -1, -1, -1), value], dim=2)
        return torch.cat([first, self._mix(query, key, value, masks[1])])

    def _mix(self, query_BHTW: Tensor, key_BGSW: Tensor, value_BGSW: Tensor, mask_TS: Tensor) -> Tensor:
        """Attention, (B · T, H · W). Heads that share keys are more rows of one product."""
        batch, heads, length, width = query_BHTW.shape
        groups = key_BGSW.shape[1]
        query = query_BHTW.mul(1 / math.sqrt(width)).reshape(batch * groups, heads // groups * length, width)
        key, value = key_BGSW.reshape(batch * groups, -1, width), value_BGSW.reshape(batch * groups, -1, width)
        mask = mask_TS.repeat(heads // groups, 1)[None].expand(batch * groups, -1, -1)
        scores = torch.baddbmm(mask, query, key.transpose(1, 2))
        mixed = torch.bmm(scores.softmax(dim=-1), value)
        return mixed.view(batch, heads, length, width).transpose(1, 2).reshape(batch * length, heads * width)

    def _mask(self, length: int, prefix: int) -> Tensor:
        """Added to scores: rows see the prefix and themselves up to now."""
        mask_TS = torch.full((length, prefix + length), -math.inf, dtype=self.dtype, device=self.device)
        return mask_TS.triu_(prefix + 1)


def _bias(checkpoint: Checkpoint, index: int, parts: Mapping[str, int]) -> Tensor | None:
    found = [(checkpoint.tensor(f"blk.{index}.{name}.bias"), rows) for name, rows in parts.items()]
    if all(bias is None for bias, _ in found):
        return None
    flat = [np.zeros(rows, np.float32) if bias is None else bias.dequantize().reshape(-1) for bias, rows in found]
    return torch.from_numpy(np.concatenate(flat))


class _RootMeanSquareNorm(torch.autograd.Function):
    """Of a float32 stream, in another dtype; its weight is frozen. In one piece it takes a third of the time of torch's own."""

    @staticmethod
    def forward(ctx: Any, stream_MD: Tensor, weight_D: Tensor, epsilon: float, dtype: torch.dtype) -> Tensor:
        inverse_M1 = stream_MD.square().mean(dim=1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(stream_MD, inverse_M1, weight_D)
        return (stream_MD * inverse_M1).mul_(weight_D).to(dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        stream_MD, inverse_M1, weight_D = ctx.saved_tensors
        gradient_MD = gradients[0].float() * weight_D
        along_M1 = (gradient_MD * stream_MD).mean(dim=1, keepdim=True).mul_(inverse_M1.square())
        return gradient_MD.addcmul_(stream_MD, along_M1, value=-1).mul_(inverse_M1), None, None, None


class _Rotation(torch.autograd.Function):
    """Queries and keys at their positions, and values. Rotary pairs lie side by side and are turned in float32."""

    @staticmethod
    def forward(ctx: Any, qkv_MHW: Tensor, turns_M1W: Tensor, heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(turns_M1W)
        ctx.turned = heads + groups
        turned_MHW = _turned(qkv_MHW[:, : heads + groups], turns_M1W)
        return turned_MHW[:, :heads].clone(), turned_MHW[:, heads:].clone(), qkv_MHW[:, heads + groups :].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (turns_M1W,) = ctx.saved_tensors
        gradient_MHW = torch.cat(gradients, dim=1)
        gradient_MHW[:, : ctx.turned] = _turned(gradient_MHW[:, : ctx.turned], turns_M1W.conj())
        return gradient_MHW, None, None, None


class _Gate(torch.autograd.Function):
    """SiLU of the first half times the second. Torch's own would fill two gradients of full width with zeros."""

    @staticmethod
    def forward(ctx: Any, gate_up_MC: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up_MC)
        gate_MC, up_MC = gate_up_MC.chunk(2, dim=1)
        return functional.silu(gate_MC).mul_(up_MC)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gate_up_MC,) = ctx.saved_tensors
        (gradient_MC,) = gradients
        gate_MC, up_MC = gate_up_MC.chunk(2, dim=1)
        result_MC = torch.empty_like(gate_up_MC)
        to_gate_MC, to_up_MC = result_MC.chunk(2, dim=1)
        to_gate_MC.copy_(torch.ops.aten.silu_backward(gradient_MC * up_MC, gate_MC))
        torch.mul(functional.silu(gate_MC), gradient_MC, out=to_up_MC)
        return result_MC


def _turned(heads_MHW: Tensor, turns_M1W: Tensor) -> Tensor:
    pairs = torch.view_as_complex(heads_MHW.float().contiguous().view(*heads_MHW.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns_M1W).flatten(-2).to(heads_MHW.dtype)
