"""How the blocks of quantised weights are unpacked, as machine code.

Block layouts: `ggml-common.h` of https://github.com/ggml-org/ggml. Every type is number = scale · q + minimum for groups of 16 or
32 columns, with q unsigned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.language.gguf import BLOCK_SHAPES, BlockType
from assistant.language.machine_code import Code

CHUNK = 64
"""Columns unpacked at a time; the columns of a matrix are a multiple of it."""
PREFETCH_BYTES = 8192
"""Two pages ahead: the processor's own prefetching stops at the end of each 4 KiB page."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is unpacked at once."""

    chunks: Sequence[tuple[str, str]]
    """64 columns each: q, <64 x i8>, and the scale of every 4 columns, <16 x float>."""
    scales: str
    """One for each group, <groups x float>."""
    minima: str
    """As scales."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a block type is read."""

    columns: int
    """Of a unit: one block, or as many as make 64 columns."""
    group: int
    """Columns that share a minimum, 16 or 32."""
    unpack: Callable[[Code, str], Unit]
    levels: int
    """How many values q has."""
    shifts: Sequence[int] = ()
    """By how many bits to the left q is stored, for each column of a chunk; its scale makes up for it. () is not at all."""

    @property
    def groups(self) -> int:
        """Of a unit."""
        return self.columns // self.group


def _halves(code: Code, packed: str, count: int) -> tuple[str, str]:
    """Low 4 bits of `count` bytes; high 4 bits."""
    return code(f"and <{count} x i8> {packed}, splat (i8 15)"), code(f"lshr <{count} x i8> {packed}, splat (i8 4)")


def _sixteenths(code: Code, packed: str, count: int) -> tuple[str, str]:
    """Low 4 bits of `count` bytes; high 4 bits times 16, which saves the shift if their scale is a sixteenth."""
    return code(f"and <{count} x i8> {packed}, splat (i8 15)"), code(f"and <{count} x i8> {packed}, splat (i8 240)")


def _constant(values: Sequence[float]) -> str:
    return "<" + ", ".join(f"float {value:e}" for value in values) + ">"


def _q4_k(code: Code, block: str) -> Unit:
    scale = code.half(block, 0)
    minimum = code(f"fneg float {code.half(block, 2)}")
    low, high, mixed = (code.load("i32", block, 4 + 4 * i) for i in range(3))

    def bits(word: str, shift: int, mask: int) -> str:
        return code(f"and i32 {code(f'lshr i32 {word}, {shift}') if shift else word}, {mask}")

    def eight(word: str, mixed_shift: int) -> str:
        """Eight 6-bit numbers: four in `word`, four in `mixed` with their upper two bits at the top of `word`'s bytes."""
        upper = code(f"shl i32 {bits(word, 6, 0x03030303)}, 4")
        second = code(f"or i32 {bits(mixed, mixed_shift, 0x0F0F0F0F)}, {upper}")
        pair = code(f"insertelement <2 x i32> poison, i32 {bits(word, 0, 0x3F3F3F3F)}, i32 0")
        pair = code(f"insertelement <2 x i32> {pair}, i32 {second}, i32 1")
        return code(f"uitofp <8 x i8> {code(f'bitcast <2 x i32> {pair} to <8 x i8>')} to <8 x float>")

    scales = code(f"fmul <8 x float> {eight(low, 0)}, {code.splat(scale, 8)}")
    lanes = code(f"fmul <8 x float> {scales}, {_constant([1, 1 / 16] * 4)}")
    minima = code(f"fmul <8 x float> {eight(high, 4)}, {code.splat(minimum, 8)}")
    chunks = []
    for pair in range(4):
        halves = _sixteenths(code, code.load("<32 x i8>", block, 16 + 32 * pair), 32)
        chunks.append((code.joined(*halves, 32), code.pick("float", lanes, 8, [2 * pair] * 8 + [2 * pair + 1] * 8)))
    return Unit(chunks, scales, minima)


def _q6_k(code: Code, block: str) -> Unit:
    signed = code.load("<16 x i8>", block, 192)
    scales = code(f"sitofp <16 x i8> {signed} to <16 x float>")
    scales = code(f"fmul <16 x float> {scales}, {code.splat(code.half(block, 208), 16)}")
    minima = code(f"fmul <16 x float> {scales}, splat (float -3.2e1)")
    chunks = []
    for half in range(2):
        fours = _halves(code, code.load("<64 x i8>", block, 64 * half), 64)
        twos = code.load("<32 x i8>", block, 128 + 32 * half)
        for part, four in enumerate(fours):
            shifted = [code(f"lshr <32 x i8> {twos}, splat (i8 {4 * part + shift})") for shift in (0, 2)]
            two = code(f"and <64 x i8> {code.joined(shifted[0], shifted[1], 32)}, splat (i8 3)")
            q = code(f"or <64 x i8> {four}, {code(f'shl <64 x i8> {two}, splat (i8 4)')}")
            first = 8 * half + 4 * part
            chunks.append((q, code.pick("float", scales, 16, [first + lane // 4 for lane in range(16)])))
    return Unit(chunks, scales, minima)


def _pair_of_blocks(
    block_type: BlockType, unpack: Callable[[Code, str], str], zero: float | None, *, sixteenths: bool = False
) -> Callable[[Code, str], Unit]:
    """Two blocks of 32 columns that begin with a half-precision scale and, where `zero` is None, a minimum."""
    _, size = BLOCK_SHAPES[block_type]

    def unit(code: Code, block: str) -> Unit:
        blocks = [block, code.at(block, size)]
        q = code.joined(unpack(code, blocks[0]), unpack(code, blocks[1]), 32)
        pairs = []
        for offset in (0, 2) if zero is None else (0,):
            pair = "poison"
            for lane, one in enumerate(blocks):
                pair = code(f"insertelement <2 x float> {pair}, float {code.half(one, offset)}, i32 {lane}")
            pairs.append(pair)
        lanes = code.pick("float", pairs[0], 2, [0] * 8 + [1] * 8)
        if sixteenths:
            lanes = code(f"fmul <16 x float> {lanes}, {_constant(([1] * 4 + [1 / 16] * 4) * 2)}")
        minima = pairs[1] if zero is None else code(f"fmul <2 x float> {pairs[0]}, splat (float {-zero:e})")
        return Unit([(q, lanes)], pairs[0], minima)

    return unit


def _four_bits(offset: int) -> Callable[[Code, str], str]:
    return lambda code, block: code.joined(*_sixteenths(code, code.load("<16 x i8>", block, offset), 16), 16)


def _five_bits(code: Code, block: str) -> str:
    fours = code.joined(*_halves(code, code.load("<16 x i8>", block, 6), 16), 16)
    fifth = code(f"bitcast i32 {code.load('i32', block, 2)} to <32 x i1>")
    top = code(f"select <32 x i1> {fifth}, <32 x i8> splat (i8 16), <32 x i8> zeroinitializer")
    return code(f"or <32 x i8> {fours}, {top}")


def _eight_bits(code: Code, block: str) -> str:
    return code(f"xor <32 x i8> {code.load('<32 x i8>', block, 2)}, splat (i8 -128)")


_SPLIT = ([0] * 16 + [4] * 16) * 2
LAYOUTS: Mapping[BlockType, Layout] = {
    BlockType.Q4_0: Layout(64, 32, _pair_of_blocks(BlockType.Q4_0, _four_bits(2), 8.0, sixteenths=True), 16, _SPLIT),
    BlockType.Q4_1: Layout(64, 32, _pair_of_blocks(BlockType.Q4_1, _four_bits(4), None, sixteenths=True), 16, _SPLIT),
    BlockType.Q5_0: Layout(64, 32, _pair_of_blocks(BlockType.Q5_0, _five_bits, 16.0), 32),
    BlockType.Q8_0: Layout(64, 32, _pair_of_blocks(BlockType.Q8_0, _eight_bits, 128.0), 256),
    BlockType.Q4_K: Layout(256, 32, _q4_k, 16, [0] * 32 + [4] * 32),
    BlockType.Q6_K: Layout(256, 16, _q6_k, 64),
}
"""The types there are kernels for."""


def fits(block_type: BlockType, columns: int) -> bool:
    """Whether there are kernels for such rows."""
    layout = LAYOUTS.get(block_type)
    return layout is not None and columns % layout.columns == 0


def unit_bytes(block_type: BlockType) -> int:
    """Of a unit."""
    columns, size = BLOCK_SHAPES[block_type]
    return LAYOUTS[block_type].columns // columns * size


def row_bytes(code: Code, block_type: BlockType) -> str:
    """Of a matrix row of `%columns`."""
    columns, size = BLOCK_SHAPES[block_type]
    return code.number("mul", code.number("sdiv", "%columns", columns), size)


def prefetch(code: Code, block: str, size: int) -> None:
    """Fetch what will be read two pages on."""
    for line in range(0, size, 64):
        code.do(f"call void @llvm.prefetch.p0(ptr {code.at(block, PREFETCH_BYTES + line)}, i32 0, i32 3, i32 1)")


def sixteen_numbers(code: Code, unit: Unit, layout: Layout, chunk: int, part: int) -> str:
    """16 columns of a unit, <16 x float>."""
    q, scale = unit.chunks[chunk]
    bytes_ = code.pick("i8", q, CHUNK, range(16 * part, 16 * part + 16))
    group = (CHUNK * chunk + 16 * part) // layout.group
    return code.fma(
        16,
        code(f"uitofp <16 x i8> {bytes_} to <16 x float>"),
        code.pick("float", scale, 16, [4 * part] * 16),
        code.pick("float", unit.minima, layout.groups, [group] * 16),
    )


def narrow_numbers(code: Code, unit: Unit, layout: Layout, chunk: int, half: int) -> str:
    """32 columns of a unit, <32 x bfloat>. AVX-512 with bfloat16."""
    if layout.levels > 32 or layout.group < 32:
        pieces = [sixteen_numbers(code, unit, layout, chunk, 2 * half + part) for part in range(2)]
        return code(f"fptrunc <32 x float> {code.pick('float', pieces[0], 16, range(32), pieces[1])} to <32 x bfloat>")
    # fewer levels than columns: all of them are computed once and looked up
    group = (CHUNK * chunk + 32 * half) // layout.group
    scale, minimum = (code.pick("float", values, layout.groups, [group] * 16) for values in (unit.scales, unit.minima))
    levels = [code.fma(16, scale, _constant(range(first, first + 16)), minimum) for first in range(0, layout.levels, 16)]
    wide = code.pick("float", levels[0], 16, range(32), levels[-1])
    table = code(f"bitcast <32 x bfloat> {code(f'fptrunc <32 x float> {wide} to <32 x bfloat>')} to <32 x i16>")
    places = code(f"zext <32 x i8> {code.pick('i8', unit.chunks[chunk][0], CHUNK, range(32 * half, 32 * half + 32))} to <32 x i16>")
    if any(shifts := layout.shifts[32 * half : 32 * half + 32]):
        places = code(f"lshr <32 x i16> {places}, <{', '.join(f'i16 {shift}' for shift in shifts)}>")
    found = code(f"call <32 x i16> @llvm.x86.avx512.permvar.hi.512(<32 x i16> {table}, <32 x i16> {places})")
    return code(f"bitcast <32 x i16> {found} to <32 x bfloat>")
