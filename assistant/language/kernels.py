"""Products with quantised weights as they lie in a GGUF file, compiled when first needed for the processor at hand.

torch ships no kernels for these block layouts, so a model had to be repacked into torch's: a second form on disk, more bytes to
read for each token, and minutes at the first start. Here LLVM compiles a few loops that read the blocks themselves, so a mapped
file is all a model needs, and decoding runs at the speed of the memory.

Inputs of a few rows keep 16 bits: a row x becomes step · (256 · high + low), two int8 planes, beside the sums of its groups, which
the minima are multiplied with (`planes`). Many rows go through the processor's bfloat16 matrix unit where it has one.
"""

from __future__ import annotations

from functools import cache

from assistant.language.block_layouts import CHUNK, LAYOUTS, prefetch, row_bytes, sixteen_numbers, unit_bytes
from assistant.language.gguf import BlockType
from assistant.language.machine_code import Code, Function, Library, Target
from assistant.language.matrix_unit import gated_product, matrix_product, tiles

FEW_ROWS = (1, 2, 4)
"""Numbers of input rows that `product` is compiled for."""
PEAK = 127.0 * 256.0
"""Of a 16-bit input, such that the high plane fits int8 after rounding."""
PARAMETERS = (
    "(ptr %weights, i64 %first, i64 %end, i64 %columns, ptr %input, i64 %count, ptr %scratch, ptr %out, i64 %stride, ptr %second)"
)
"""Of every kernel over weights, so that one team can run them all: for the matrix rows first <= n < end, out[m · stride + n]."""


class Kernels:
    """Compiled loops over one block type. Addresses are of C arrays; nothing is checked, and the interpreter lock is released."""

    def __init__(self, block_type: BlockType, target: Target) -> None:
        """Takes a few tenths of a second; see `kernels`."""
        code = "".join(_product(block_type, rows, target) for rows in FEW_ROWS) + _numbers(block_type)
        if target.bfloat16_tiles:
            code += matrix_product(block_type, PARAMETERS) + gated_product(block_type, PARAMETERS)
        library = Library(code, target)
        self.product = {rows: library.function(f"product_{rows}", 10) for rows in FEW_ROWS}
        """Of input rows after `planes`; `count` and `scratch` are not used."""
        self.numbers = library.function("numbers", 10)
        """The numbers themselves, float32, row by row from `out` on; nothing else is used."""
        self.matrix_product = library.function("matrix_product", 10) if target.bfloat16_tiles else None
        """Of `count` times 32 input rows after `tiles`; at least 32 matrix rows; `scratch` has 64 bytes a column."""

        self.gated_product = library.function("gated_product", 10) if target.bfloat16_tiles else None
        """As `matrix_product`, of the rows of two matrices, `second` the upper one of a gated unit: tiles for the next product,
        which has `stride` columns; whole multiples of 16 rows."""


@cache
def kernels(block_type: BlockType, target: Target) -> Kernels:
    """Compiled once in a process."""
    return Kernels(block_type, target)


class InputKernels:
    """Compiled loops over input rows."""

    def __init__(self, target: Target) -> None:
        """See `input_kernels`."""
        library = Library(_planes() + (tiles() if target.bfloat16_tiles else ""), target)
        self.planes = library.function("planes", 4)
        """(input float32, rows, columns, out): `planes_bytes` for each row: high, low, sums by 16, sums by 32, step."""
        self.tiles: Function | None = library.function("tiles", 4) if target.bfloat16_tiles else None
        """(input float32, rows, columns, out): bfloat16 as the matrix unit wants it, in whole stripes of rows; 2 bytes a number."""


@cache
def input_kernels(target: Target) -> InputKernels:
    """Compiled once in a process."""
    return InputKernels(target)


def planes_bytes(columns: int) -> int:
    """Of one input row after `planes`."""
    return (2 * columns + columns // 4 + columns // 8 + 4 + 63) // 64 * 64


def _planes_places(code: Code) -> tuple[str, str, str, str, str]:
    """Where in a row low, sums by 16, sums by 32 and step begin, and its bytes."""
    sums_16 = code.number("mul", "%columns", 2)
    sums_32 = code.number("add", sums_16, code.number("sdiv", "%columns", 4))
    step = code.number("add", sums_32, code.number("sdiv", "%columns", 8))
    end = code.number("mul", code.number("sdiv", code.number("add", step, 67), 64), 64)
    return "%columns", sums_16, sums_32, step, end


def _planes() -> str:
    code = Code("planes(ptr %input, i64 %rows, i64 %columns, ptr %out)")
    low, sums_16, sums_32, step_at, size = _planes_places(code)
    rows = code.loop("0", "%rows", 1)
    row = code.at("%input", code.number("mul", code.number("mul", rows.index, "%columns"), 4))
    out = code.at("%out", code.number("mul", rows.index, size))
    peaks = code.loop("0", "%columns", 16, [("<16 x float>", "zeroinitializer")])
    numbers = code.load("<16 x float>", row, code.number("mul", peaks.index, 4))
    numbers = code(f"call <16 x float> @llvm.fabs.v16f32(<16 x float> {numbers})")
    (peak,) = peaks.close([code(f"call <16 x float> @llvm.maximum.v16f32(<16 x float> {numbers}, <16 x float> {peaks.values[0]})")])
    # these maxima of a row with NaN are NaN, and so are its step and its products
    largest = code(f"call float @llvm.vector.reduce.fmaximum.v16f32(<16 x float> {peak})")
    largest = code(f"call float @llvm.maximum.f32(float {largest}, float {_TINY})")
    step = code(f"fdiv float {largest}, {PEAK:e}")
    code.store("float", step, out, step_at)
    per_step = code.splat(code(f"fdiv float {PEAK:e}, {largest}"), 16)
    pairs = code.loop("0", "%columns", 32)
    sums = []
    for part in (0, 16):
        column = code.number("add", pairs.index, part)
        numbers = code.load("<16 x float>", row, code.number("mul", column, 4))
        scaled = code(f"fmul <16 x float> {numbers}, {per_step}")
        scaled = code(f"call <16 x float> @llvm.rint.v16f32(<16 x float> {scaled})")
        q = code(f"call <16 x i32> @llvm.fptosi.sat.v16i32.v16f32(<16 x float> {scaled})")
        high = code(f"ashr <16 x i32> {code(f'add <16 x i32> {q}, splat (i32 128)')}, splat (i32 8)")
        code.store("<16 x i8>", code(f"trunc <16 x i32> {high} to <16 x i8>"), code.at(out, column))
        code.store("<16 x i8>", code(f"trunc <16 x i32> {q} to <16 x i8>"), code.at(out, code.number("add", column, low)))
        total = code(f"call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> {q})")
        sums.append(code(f"sitofp i32 {total} to float"))
        code.store("float", sums[-1], code.at(out, sums_16), code.number("sdiv", column, 4))
    code.store("float", code(f"fadd float {sums[0]}, {sums[1]}"), code.at(out, sums_32), code.number("sdiv", pairs.index, 8))
    pairs.close()
    rows.close()
    return code.text()


_TINY = "0x39B4484C00000000"
"""1e-30, exact in single precision as LLVM wants it."""


def _product(block_type: BlockType, input_rows: int, target: Target) -> str:
    layout = LAYOUTS[block_type]
    code = Code(f"product_{input_rows}{PARAMETERS}")
    low, sums_16, sums_32, step_at, size = _planes_places(code)
    inputs = [code.at("%input", code.number("mul", size, row)) for row in range(input_rows)]
    sums = [code.at(address, sums_16 if layout.group == 16 else sums_32) for address in inputs]
    bytes_of_row = row_bytes(code, block_type)
    rows = code.loop("%first", "%end", 1)
    start = code.at("%weights", code.number("mul", rows.index, bytes_of_row))
    kinds = [("<16 x float>", "zeroinitializer"), (f"<{layout.groups} x float>", "zeroinitializer")] * input_rows
    units = code.loop("0", "%columns", layout.columns, [("ptr", start), *kinds])
    block, *totals = units.values
    prefetch(code, block, unit_bytes(block_type))
    unit = layout.unpack(code, block)
    for row in range(input_rows):
        here = code.at(inputs[row], units.index)
        for number, (q, scale) in enumerate(unit.chunks):
            high_64 = code.load("<64 x i8>", here, CHUNK * number)
            low_64 = code.load("<64 x i8>", code.at(here, low), CHUNK * number)
            dot = code(f"shl <16 x i32> {_dot(code, q, high_64, 'zeroinitializer', target)}, splat (i32 8)")
            dot = code(f"sitofp <16 x i32> {_dot(code, q, low_64, dot, target)} to <16 x float>")
            totals[2 * row] = code.fma(16, dot, scale, totals[2 * row])
        group_sums = code.load(
            f"<{layout.groups} x float>", sums[row], code.number("mul", code.number("sdiv", units.index, layout.group), 4)
        )
        totals[2 * row + 1] = code.fma(layout.groups, unit.minima, group_sums, totals[2 * row + 1])
    _, *totals = units.close([code.at(block, unit_bytes(block_type)), *totals])
    for row in range(input_rows):
        total = code(f"fadd float {code.total(16, totals[2 * row])}, {code.total(layout.groups, totals[2 * row + 1])}")
        total = code(f"fmul float {total}, {code.load('float', inputs[row], step_at)}")
        place = code.number("add", code.number("mul", "%stride", row), rows.index)
        code.store("float", total, code.at("%out", code.number("mul", place, 4)))
    rows.close()
    return code.text()


def _dot(code: Code, q: str, plane: str, start: str, target: Target) -> str:
    """Products of 64 unsigned and 64 signed bytes, each four added to one of 16 sums."""
    if target.dot_products:
        return code(f"call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> {start}, <64 x i8> {q}, <64 x i8> {plane})")
    wide = [code(f"zext <64 x i8> {q} to <64 x i32>"), code(f"sext <64 x i8> {plane} to <64 x i32>")]
    sums, count = code(f"mul nsw <64 x i32> {wide[0]}, {wide[1]}"), 64
    while count > 16:  # even and odd lanes: the pattern that becomes one instruction where there is one
        even, odd = (code.pick("i32", sums, count, range(first, count, 2)) for first in (0, 1))
        count //= 2
        sums = code(f"add <{count} x i32> {even}, {odd}")
    return code(f"add <16 x i32> {sums}, {start}")


def _numbers(block_type: BlockType) -> str:
    layout = LAYOUTS[block_type]
    code = Code(f"numbers{PARAMETERS}")
    bytes_of_row = row_bytes(code, block_type)
    rows = code.loop("%first", "%end", 1, [("ptr", "%out")])
    start = code.at("%weights", code.number("mul", rows.index, bytes_of_row))
    units = code.loop("0", "%columns", layout.columns, [("ptr", start), ("ptr", rows.values[0])])
    block, out = units.values
    unit = layout.unpack(code, block)
    for chunk in range(len(unit.chunks)):
        for part in range(4):
            code.store("<16 x float>", sixteen_numbers(code, unit, layout, chunk, part), out, 256 * chunk + 64 * part)
    _, end = units.close([code.at(block, unit_bytes(block_type)), code.at(out, 4 * layout.columns)])
    rows.close([end])
    return code.text()
