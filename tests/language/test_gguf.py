"""The GGUF reader: true files read as the reference package reads them, false ones are refused before they do harm."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.language.gguf import BLOCK_SHAPES, BlockType, dequantize, quantize, read_gguf


def _blocks(block_type: BlockType, rows: int = 6, blocks: int = 3) -> NDArray[np.uint8]:
    """Random blocks with finite scales: the two bytes of every half stay small."""
    size = BLOCK_SHAPES[block_type][1] * blocks
    random = np.random.default_rng(int(block_type)).integers(0, 256, (rows, size), dtype=np.uint8)
    if block_type in (BlockType.F32, BlockType.F16, BlockType.BF16):
        random &= 0x3F
    else:
        random.reshape(-1, BLOCK_SHAPES[block_type][1])[:, [1, 3, -1]] &= 0x3F
    return random


@pytest.mark.parametrize("block_type", list(BlockType))
def test_every_block_type_reads_as_the_reference_package_reads_it(block_type: BlockType) -> None:
    blocks = _blocks(block_type)
    expected = gguf.dequantize(blocks, gguf.GGMLQuantizationType(int(block_type)))
    np.testing.assert_array_equal(dequantize(blocks, block_type), expected)


def test_quantised_numbers_are_within_half_a_step() -> None:
    numbers = np.random.default_rng(0).standard_normal((5, 96)).astype(np.float32)
    numbers[2, 32:64] = 0
    stored = quantize(numbers)
    assert (stored.block_type, stored.rows, stored.columns) == (BlockType.Q8_0, 5, 96)
    step = np.abs(numbers).reshape(5, 3, 32).max(-1).repeat(32, axis=1) / 127
    assert (np.abs(stored.dequantize() - numbers) <= 0.51 * step + 1e-9).all()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("a.float", 0.5)
    writer.add_bool("a.flag", True)
    writer.add_array("tokenizer.ggml.tokens", ["a", "é", ""])
    writer.add_array("tokenizer.ggml.token_type", [1, 3, 6])
    writer.add_tensor("matrix", np.arange(12, dtype=np.float32).reshape(3, 4))
    writer.add_tensor("vector", np.arange(5, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_metadata_and_tensors_read_as_they_were_written(written: Path) -> None:
    file = read_gguf(written)
    assert file.metadata["general.architecture"] == "llama"
    assert file.metadata["llama.block_count"] == 2
    assert file.metadata["a.float"] == 0.5
    assert file.metadata["a.flag"] is True
    assert file.metadata["tokenizer.ggml.tokens"] == ("a", "é", "")
    assert file.metadata["tokenizer.ggml.token_type"] == (1, 3, 6)
    np.testing.assert_array_equal(file.tensors["matrix"].dequantize(), np.arange(12, dtype=np.float32).reshape(3, 4))
    np.testing.assert_array_equal(file.tensors["vector"].dequantize(), np.arange(5, dtype=np.float32)[None])


def test_a_file_that_is_not_there_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        read_gguf(tmp_path / "none.gguf")


def test_every_truncation_is_refused(written: Path, tmp_path: Path) -> None:
    content = written.read_bytes()
    end = len(content.rstrip(b"\0"))  # what follows the last number may be padding
    for length in range(0, end - 4, 3):
        short = tmp_path / "short.gguf"
        short.write_bytes(content[:length])
        with pytest.raises(WeightsCorruptError):
            read_gguf(short)


def test_random_damage_is_refused_or_harmless(written: Path, tmp_path: Path) -> None:
    content = written.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(content)
        for position in random.integers(0, len(content), 4):
            damaged[position] = random.integers(0, 256)
        path = tmp_path / "damaged.gguf"
        path.write_bytes(damaged)
        try:
            tensors = read_gguf(path).tensors
        except WeightsCorruptError:
            continue
        assert sum(tensor.bytes_RB.nbytes for tensor in tensors.values()) <= len(content)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _text(key) + struct.pack("<I", kind) + value


def _tensor(name: str, sides: list[int], kind: int = 0, offset: int = 0, dimensions: int | None = None) -> bytes:
    count = struct.pack("<I", len(sides) if dimensions is None else dimensions)
    return _text(name) + count + struct.pack(f"<{len(sides)}QIQ", *sides, kind, offset)


def _file(*parts: bytes, pairs: int = 0, tensors: int = 0, magic: bytes = b"GGUF", version: int = 3) -> bytes:
    header = magic + struct.pack("<IQQ", version, tensors, pairs) + b"".join(parts)
    return header + bytes(-len(header) % 32) + bytes(256)


HOSTILE = {
    "bad magic": _file(magic=b"GGML"),
    "version 1": _file(version=1),
    "big endian": _file(version=3 << 24),
    "2^60 pairs": _file(pairs=1 << 60),
    "2^60 tensors": _file(tensors=1 << 60),
    "more pairs than there are": _file(_pair("a", 4, bytes(4)), pairs=30),
    "key of 2^63 bytes": _file(struct.pack("<Q", 1 << 63), pairs=1),
    "text of 2^63 bytes": _file(_pair("a", 8, struct.pack("<Q", 1 << 63)), pairs=1),
    "text past the end": _file(_pair("a", 8, struct.pack("<Q", 5000)), pairs=1),
    "text that is not UTF-8": _file(_pair("a", 8, struct.pack("<Q", 2) + b"\xff\xfe"), pairs=1),
    "unknown value type": _file(_pair("a", 13, bytes(8)), pairs=1),
    "array of 2^62 numbers": _file(_pair("a", 9, struct.pack("<IQ", 10, 1 << 62)), pairs=1),
    "array of a million texts": _file(_pair("a", 9, struct.pack("<IQ", 8, 1_000_000)), pairs=1),
    "array past the end": _file(_pair("a", 9, struct.pack("<IQ", 10, 1000)), pairs=1),
    "array of arrays": _file(_pair("a", 9, struct.pack("<IQIQ", 9, 1, 9, 1)), pairs=1),
    "the same key twice": _file(_pair("a", 4, bytes(4)), _pair("a", 4, bytes(4)), pairs=2),
    "alignment 2^31": _file(_pair("general.alignment", 4, struct.pack("<I", 1 << 31)), pairs=1),
    "alignment 0": _file(_pair("general.alignment", 4, bytes(4)), pairs=1),
    "alignment 33": _file(_pair("general.alignment", 4, struct.pack("<I", 33)), pairs=1),
    "alignment that is text": _file(_pair("general.alignment", 8, _text("32")), pairs=1),
    "2^32-1 dimensions": _file(_tensor("t", [8], dimensions=(1 << 32) - 1), tensors=1),
    "no dimension": _file(_tensor("t", []), tensors=1),
    "a side of 0": _file(_tensor("t", [0, 4]), tensors=1),
    "a side of 2^63": _file(_tensor("t", [1 << 63, 2]), tensors=1),
    "sides whose product wraps to 0": _file(_tensor("t", [1 << 32, 1 << 32]), tensors=1),
    "three real dimensions": _file(_tensor("t", [2, 2, 2]), tensors=1),
    "unknown tensor type": _file(_tensor("t", [8], kind=77), tensors=1),
    "half a block": _file(_tensor("t", [40], kind=2), tensors=1),
    "offset past the end": _file(_tensor("t", [8], offset=1 << 20), tensors=1),
    "offset of 2^64-32": _file(_tensor("t", [8], offset=(1 << 64) - 32), tensors=1),
    "offset not aligned": _file(_tensor("t", [8], offset=4), tensors=1),
    "tensor longer than the file": _file(_tensor("t", [1000]), tensors=1),
    "tensors that overlap": _file(_tensor("t", [16]), _tensor("u", [8], offset=32), tensors=2),
    "the same tensor twice": _file(_tensor("t", [8]), _tensor("t", [8], offset=32), tensors=2),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_without_taking_memory(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(content)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsCorruptError) as caught:
        read_gguf(path)
    assert caught.value.hint
    assert "hostile.gguf" in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 64 * 1024
