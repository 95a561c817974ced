"""A decoder-only transformer of the Llama and Qwen2 families, in plain torch."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from assistant.language.checkpoint import Checkpoint, needed, open_checkpoint
from assistant.language.decoder_config import DecoderConfig, corrupt
from assistant.language.linear import GatedFeedForward, Linear
from assistant.language.machine_code import Target, host_target
from assistant.language.team import Team
from assistant.types import Look

__all__ = ["Decoder", "DecoderConfig", "KeyValueCache", "Looking"]


CHUNK_ROWS = 256
"""Positions of all rows computed at a time: bounds the memory of long prompts."""


class KeyValueCache:
    """Keys and values of the positions seen so far, for B sequences in step."""

    def __init__(self, layers_BTHW: Sequence[Tensor], padding_B: Sequence[int]) -> None:
        """See `Decoder.new_cache`.

        Args:
            layers_BTHW: Per layer: T positions of H heads of width W, the key heads before the value heads.
            padding_B: How many positions at the start of each row are padding.
        """
        self.layers_BTHW = layers_BTHW
        self.padding_B = torch.tensor(padding_B) if any(padding_B) else None
        self.length = 0
        """Positions filled, padding included."""

    @property
    def capacity(self) -> int:
        """Positions there is room for."""
        return int(self.layers_BTHW[0].shape[1])

    def truncate(self, length: int) -> None:
        """Forget all positions from `length` on.

        Raises:
            ValueError: `length` is negative or more than is filled.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot keep {length} of {self.length} positions")
        self.length = length

    def begin_with(self, opening: KeyValueCache) -> None:
        """Take over what a cache of one sequence has read: each row its beginning, after the row's own padding.

        Raises:
            ValueError: There is no room for it.
        """
        length, rows = opening.length, self.layers_BTHW[0].shape[0]
        if length > self.capacity:
            raise ValueError(f"{length} positions do not fit a cache for {self.capacity}")
        padding = [0] * rows if self.padding_B is None else self.padding_B.clamp(max=length).tolist()
        for mine_BTHW, read_1THW in zip(self.layers_BTHW, opening.layers_BTHW, strict=True):
            for mine_THW, skipped in zip(mine_BTHW, padding, strict=True):
                mine_THW[:skipped] = 0  # nobody attends to it, but what memory held could be NaN
                mine_THW[skipped:length] = read_1THW[0, : length - skipped]
        self.length = length


@dataclass(frozen=True, slots=True)
class Looking:
    """Positions of a sequence that look at a picture before each layer."""

    look: Look
    start: int
    """The first of them, padding counted."""
    end: int = sys.maxsize
    """The position after the last."""
    row: int = 0
    """The sequence, of B."""


class _Layer:
    def __init__(self, matrices: _Matrices, index: int, config: DecoderConfig) -> None:
        width, inner = config.width, config.intermediate_width
        queries, keys = config.heads * config.head_width, config.key_value_heads * config.head_width
        prefix = f"blk.{index}."
        self.attention_norm_D = matrices.vector(f"{prefix}attn_norm.weight", width)
        self.attention = matrices.linear(prefix, {"attn_q": queries, "attn_k": keys, "attn_v": keys}, width)
        self.attention_output = matrices.linear(prefix, {"attn_output": width}, queries)
        self.feed_forward_norm_D = matrices.vector(f"{prefix}ffn_norm.weight", width)
        self.feed_forward = GatedFeedForward(
            matrices.linear(prefix, {"ffn_gate": inner, "ffn_up": inner}, width),
            matrices.linear(prefix, {"ffn_down": width}, inner),
        )


class _Matrices:
    """A checkpoint's tensors as what the decoder computes with."""

    def __init__(self, checkpoint: Checkpoint, team: Team, target: Target, *, full_precision: bool) -> None:
        self.checkpoint = checkpoint
        self._linear = partial(Linear, team=team, target=target, full_precision=full_precision)

    def vector(self, name: str, width: int) -> Tensor:
        return torch.from_numpy(needed(self.checkpoint, name, 1, width).dequantize()[0])

    def linear(self, prefix: str, rows: dict[str, int], columns: int) -> Linear:
        """Matrices one below the other, by name and rows."""
        parts = [needed(self.checkpoint, f"{prefix}{name}.weight", count, columns) for name, count in rows.items()]
        return self._linear(parts, self._bias(prefix, rows))

    def head(self, vocabulary_size: int, width: int) -> Linear:
        name = "output.weight" if self.checkpoint.tensor("output.weight") else "token_embd.weight"
        return self._linear([needed(self.checkpoint, name, vocabulary_size, width)], None)

    def _bias(self, prefix: str, rows: dict[str, int]) -> Tensor | None:
        found = [(self.checkpoint.tensor(f"{prefix}{name}.bias"), count) for name, count in rows.items()]
        if all(bias is None for bias, _ in found):
            return None
        flat = [np.zeros(count, np.float32) if bias is None else bias.dequantize().reshape(-1) for bias, count in found]
        if [len(bias) for bias in flat] != [count for _, count in found]:
            raise corrupt(f"a bias of {prefix}{'/'.join(rows)} has the wrong length")
        return torch.from_numpy(np.concatenate(flat))


class Decoder:
    """The weights and the forward pass. Not for two threads at once."""

    def __init__(
        self, checkpoint: Checkpoint, *, threads: int = 1, full_precision: bool = False, target: Target | None = None
    ) -> None:
        """Nothing is read yet but the norms and biases: matrices are multiplied where they lie.

        Args:
            checkpoint: See `open_checkpoint`.
            threads: That work on a product together. Torch in this process computes with one: its threads wait busily, in the
                way of these.
            full_precision: Compute in float32, several times slower.
            target: What to use of the processor, all it has by default, and where compiled code is kept.

        Raises:
            WeightsCorruptError: A tensor is missing or has the wrong shape.
        """
        torch.set_num_threads(1)
        self.config = config = checkpoint.config
        self.full_precision = full_precision
        target = host_target() if target is None else target
        self.dtype = torch.bfloat16 if target.bfloat16_tiles and not full_precision else torch.float32
        """Of keys, values and attention."""
        self.watch: Callable[[Tensor, Tensor], None] | None = None
        """Given, layer by layer, the rotated queries (B, L, H, W) of the newest positions and all keys (B, groups, T, W)."""
        self._team = Team(threads, target)
        matrices = _Matrices(checkpoint, self._team, target, full_precision=full_precision)
        with torch.inference_mode():
            self._layers = [_Layer(matrices, index, config) for index in range(config.layers)]
            self._norm_D = matrices.vector("output_norm.weight", config.width)
            self._head = matrices.head(config.vocabulary_size, config.width)
        self._table = needed(checkpoint, "token_embd.weight", config.vocabulary_size, config.width)
        self._root = math.sqrt(config.width)
        self._zero_D = torch.zeros(config.width)
        frequencies = config.rope_theta ** -(torch.arange(0, config.head_width, 2, dtype=torch.float64) / config.head_width)
        self._frequencies = frequencies
        self._turns_TW = torch.empty(0, 1, config.head_width // 2, dtype=torch.complex64)

    @classmethod
    def load(cls, source: Path, *, threads: int = 1, full_precision: bool = False) -> Decoder:
        """Of a GGUF file or a safetensors folder.

        Raises:
            WeightsMissingError: It is not there.
            WeightsCorruptError: It cannot be used.
        """
        return cls(open_checkpoint(source), threads=threads, full_precision=full_precision)

    def close(self) -> None:
        """End the threads."""
        self._team.close()

    def new_cache(self, *, tokens: int, batch: int = 1, padding_B: Sequence[int] = ()) -> KeyValueCache:
        """Room for `tokens` positions of `batch` sequences.

        Args:
            tokens: Memory is taken as positions are filled.
            batch: B.
            padding_B: For prompts of unequal length: how many positions at the start of each row are padding.
                Pad on the left; padding is never attended to and does not count as a position.

        Raises:
            ValueError: `padding_B` is given and has not B items.
        """
        if padding_B and len(padding_B) != batch:
            raise ValueError(f"{len(padding_B)} paddings for {batch} rows")
        config = self.config
        shape = (batch, tokens, 2 * config.key_value_heads, config.head_width)
        return KeyValueCache([torch.empty(shape, dtype=self.dtype) for _ in range(config.layers)], padding_B)

    def embed(self, token_ids_BL: Tensor) -> Tensor:
        """Token ids as embeddings, float32 (B, L, D).

        Raises:
            ValueError: An id is outside the vocabulary.
        """
        ids = token_ids_BL.reshape(-1).numpy().astype(np.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < self.config.vocabulary_size:
            raise ValueError("a token id is outside the vocabulary")
        return torch.from_numpy(self._table.take(ids).dequantize()).view(*token_ids_BL.shape, self.config.width)

    @torch.inference_mode()
    def forward(
        self, embeddings_BLD: Tensor, cache: KeyValueCache, *, all_positions: bool = False, looks: Sequence[Looking] = ()
    ) -> Tensor:
        """Append L positions to the cache and predict what follows.

        Args:
            embeddings_BLD: Of tokens, pictures, or both; any float dtype.
            cache: Filled by L more positions.
            all_positions: Logits of each new position, not of the last alone.
            looks: Which positions look at what; those of the cache looked when they were new.

        Returns:
            float32 logits, (B, V), or (B, L, V).

        Raises:
            ValueError: The cache has no room for L more positions.
        """
        end = cache.length + embeddings_BLD.shape[1]
        if end > cache.capacity:
            raise ValueError(f"{end} positions do not fit a cache for {cache.capacity}")
        size = max(1, CHUNK_ROWS // len(embeddings_BLD))
        chunks = [embeddings_BLD[:, first : first + size] for first in range(0, embeddings_BLD.shape[1], size)]
        if all_positions:
            return torch.cat([self._logits(self._advance(chunk, cache, looks)) for chunk in chunks], 1)
        for chunk in chunks[:-1]:
            self._advance(chunk, cache, looks)
        return self._logits(self._advance(chunks[-1], cache, looks)[:, -1:])[:, 0]

    def _advance(self, embeddings_BLD: Tensor, cache: KeyValueCache, looks: Sequence[Looking]) -> Tensor:
        """The stream after the last layer; the cache grows."""
        batch, length, width = embeddings_BLD.shape
        start, end = cache.length, cache.length + length
        turns, mask = self._positions(cache.padding_B, start, end)
        stream_MD = embeddings_BLD.reshape(batch * length, width).to(torch.float32, copy=True)
        stream_BLD = stream_MD.view(batch, length, width)  # the same memory
        looking = [
            (x.look, stream_BLD[x.row, max(0, x.start - start) : x.end - start].numpy())
            for x in looks
            if x.start < end and x.end > start
        ]
        for index, (layer, entries_BTHW) in enumerate(zip(self._layers, cache.layers_BTHW, strict=True)):
            for look, part_LD in looking:
                look(index, part_LD)
            attention = layer.attention(self._norm(stream_MD, layer.attention_norm_D))
            mixed = self._attend(attention.view(batch, length, -1), entries_BTHW, start, turns, mask)
            stream_MD += layer.attention_output(mixed)
            stream_MD += layer.feed_forward(self._norm(stream_MD, layer.feed_forward_norm_D))
        cache.length = end
        return stream_BLD

    def _logits(self, stream_BLD: Tensor) -> Tensor:
        batch, length, width = stream_BLD.shape
        stream_MD = stream_BLD.reshape(batch * length, width)
        return self._head(self._norm(stream_MD, self._norm_D)).view(batch, length, -1)

    def _norm(self, stream_MD: Tensor, weight_D: Tensor) -> Tensor:
        """Root mean square norm."""
        epsilon = self.config.rms_epsilon * self.config.width
        if len(stream_MD) == 1:
            size = torch.linalg.vector_norm(stream_MD).item()
            return torch.addcmul(self._zero_D, stream_MD, weight_D, value=self._root / math.sqrt(size * size + epsilon))
        size_M1 = torch.linalg.vector_norm(stream_MD, dim=1, keepdim=True)
        return (stream_MD * (self._root / torch.sqrt(size_M1 * size_M1 + epsilon))).mul_(weight_D)

    def _attend(self, qkv_BLC: Tensor, entries_BTHW: Tensor, start: int, turns: Tensor, mask: Tensor | None) -> Tensor:
        """Rotate queries and keys, remember keys and values, attend; (B · L, heads · width)."""
        batch, length, _ = qkv_BLC.shape
        heads, groups, width = self.config.heads, self.config.key_value_heads, self.config.head_width
        qkv_BLHW = qkv_BLC.view(batch, length, heads + 2 * groups, width)
        qkv_BLHW.view(torch.complex64)[:, :, : heads + groups].mul_(turns)
        end = start + length
        entries_BTHW[:, start:end] = qkv_BLHW[:, :, heads:]
        key_BHTW = entries_BTHW[:, :end, :groups].transpose(1, 2)
        value_BHTW = entries_BTHW[:, :end, groups:].transpose(1, 2)
        query_BLHW = qkv_BLHW[:, :, :heads].to(self.dtype)
        if self.watch is not None:
            self.watch(query_BLHW, key_BHTW)
        if length == 1:  # the heads that share keys are as good as positions, and one product serves them all
            query = query_BLHW.view(batch, groups, heads // groups, width)
            return F.scaled_dot_product_attention(query, key_BHTW, value_BHTW, attn_mask=mask).view(batch, heads * width)
        mixed = F.scaled_dot_product_attention(
            query_BLHW.transpose(1, 2), key_BHTW, value_BHTW, attn_mask=mask, is_causal=mask is None, enable_gqa=True
        )
        return mixed.transpose(1, 2).reshape(batch * length, heads * width)

    def _positions(self, padding_B: Tensor | None, start: int, end: int) -> tuple[Tensor, Tensor | None]:
        """Rotations (1 or B, L, 1, W / 2) and who may attend to whom (broadcast to B, H, L, T); None is plain causal."""
        if end > len(self._turns_TW):
            angles = torch.outer(torch.arange(max(end, 2 * len(self._turns_TW)), dtype=torch.float64), self._frequencies)
            self._turns_TW = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)[:, None]
        one, first = end - start == 1, start == 0
        if padding_B is None:
            mask = None if one or first else torch.ones(end - start, end, dtype=torch.bool).tril(start)
            return self._turns_TW[start:end][None], mask
        rows_L1 = torch.arange(start, end)[:, None]
        columns_T = torch.arange(end)
        padding_B11 = padding_B[:, None, None]
        # padding attends to itself: a row without any key would be NaN
        allowed = (columns_T <= rows_L1) & ((columns_T >= padding_B11) | (columns_T == rows_L1))
        return self._turns_TW[(rows_L1[:, 0] - padding_B[:, None]).clamp_(min=0)], allowed[:, None]
