"""Products by the processor's matrix unit (Intel AMX): tiles of 16 rows of 32 bfloat16.

Matrix rows are unpacked 32 at a time into tiles that stay in the second-level cache, then multiplied with all input rows.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from assistant.language.block_layouts import LAYOUTS, narrow_numbers, prefetch, row_bytes, unit_bytes
from assistant.language.gguf import BlockType
from assistant.language.machine_code import Code, Loop

STRIPE = 32
"""Matrix rows and input rows that are worked on at a time."""
_TILE_BYTES = 1024
"""16 rows of 32 bfloat16, or of 16 float32."""


def _transposed(code: Code, kind: str, rows: Sequence[str]) -> list[str]:
    """16 vectors of 16, rows for columns."""
    rows = list(rows)
    for distance in (8, 4, 2, 1):
        for i in range(16):
            if i & distance:
                continue
            upper, lower = rows[i], rows[i + distance]
            rows[i] = code.pick(kind, upper, 16, [16 + j - distance if j & distance else j for j in range(16)], lower)
            rows[i + distance] = code.pick(kind, upper, 16, [16 + j if j & distance else j + distance for j in range(16)], lower)
    return rows


def tiles() -> str:
    """Code of `tiles`. Per 32 input rows: for each 32 columns two tiles, of 16 rows each: the pairs of columns by the rows."""
    code = Code("tiles(ptr %input, i64 %rows, i64 %columns, ptr %out)")
    row_bytes = code.number("mul", "%columns", 4)
    last = code.number("sub", "%rows", 1)
    blocks = code.loop("0", "%rows", STRIPE, [("ptr", "%out")])
    parts = code.loop("0", "%columns", 32, [("ptr", blocks.values[0])])
    (out,) = parts.values
    for half in range(2):
        pairs = []
        for row in range(16):
            number = code.number("add", blocks.index, 16 * half + row)
            over = code(f"icmp sgt i64 {number}, {last}")
            number = code(f"select i1 {over}, i64 {last}, i64 {number}")  # behind the end the last row stands in
            place = code.number("add", code.number("mul", number, row_bytes), code.number("mul", parts.index, 4))
            numbers = code.load("<32 x float>", "%input", place)
            narrow = code(f"fptrunc <32 x float> {numbers} to <32 x bfloat>")
            pairs.append(code(f"bitcast <32 x bfloat> {narrow} to <16 x i32>"))
        for pair, values in enumerate(_transposed(code, "i32", pairs)):
            code.store("<16 x i32>", values, out, _TILE_BYTES * half + 64 * pair)
    (end,) = parts.close([code.at(out, 2 * _TILE_BYTES)])
    blocks.close([end])
    return code.text()


def matrix_product(block_type: BlockType, parameters: str) -> str:
    """Code of `matrix_product`. Tiles 0-3 gather 2 x 2 products, 4 and 5 hold weights, 6 and 7 inputs."""
    code = Code(f"matrix_product{parameters}")
    corner = _begin(code)
    last = code.number("sub", "%end", STRIPE)
    stripes = code.loop("%first", "%end", STRIPE)
    over = code(f"icmp sgt i64 {stripes.index}, {last}")
    first = code(
        f"select i1 {over}, i64 {last}, i64 {stripes.index}"
    )  # the last rows once more rather than rows that are not there
    _unpack(code, block_type, "%weights", first, STRIPE, "%scratch")
    blocks = _multiply(code)
    for tile in range(4):
        code.do(f"call void @llvm.x86.tilestored64(i8 {tile}, ptr {corner}, i64 64)")
        columns = [code.load("<16 x float>", corner, 64 * row) for row in range(16)]
        for row, values in enumerate(_transposed(code, "float", columns)):
            number = code.number("add", code.number("mul", blocks.index, STRIPE), 16 * (tile % 2) + row)
            place = code.number("add", code.number("mul", number, "%stride"), code.number("add", first, 16 * (tile // 2)))
            code.store("<16 x float>", values, code.at("%out", code.number("mul", place, 4)))
    blocks.close()
    stripes.close()
    code.do("call void @llvm.x86.tilerelease()")
    return code.text()


def gated_product(block_type: BlockType, parameters: str) -> str:
    """Code of `gated_product`: x sigmoid(x) y for the products x and y with the rows of two matrices, as the next product's tiles.

    A stripe is 16 rows of either. Matrix rows are the next product's columns, so nothing is transposed.
    """
    code = Code(f"gated_product{parameters}")
    corner = _begin(code)
    stripes = code.loop("%first", "%end", 16)
    _unpack(code, block_type, "%weights", stripes.index, 16, "%scratch")
    _unpack(code, block_type, "%second", stripes.index, 16, code.at("%scratch", _TILE_BYTES))
    blocks = _multiply(code)
    part = code.number("sdiv", stripes.index, 32)
    place = code.number("sub", code.number("mul", stripes.index, 32), code.number("mul", part, 32 * 32 - 2 * _TILE_BYTES))
    out = code.at("%out", code.number("add", code.number("mul", blocks.index, code.number("mul", "%stride", 2 * STRIPE)), place))
    for half in range(2):
        for which in range(2):
            code.do(f"call void @llvm.x86.tilestored64(i8 {2 * which + half}, ptr {code.at(corner, which * _TILE_BYTES)}, i64 64)")
        for pair in range(8):
            rows = []
            for row in (2 * pair, 2 * pair + 1):
                gate, up = (code.load("<16 x float>", corner, which * _TILE_BYTES + 64 * row) for which in range(2))
                rows.append(code(f"fmul <16 x float> {_swish(code, gate)}, {up}"))
            wide = code.pick("float", rows[0], 16, [i // 2 + 16 * (i % 2) for i in range(32)], rows[1])
            narrow = code(f"fptrunc <32 x float> {wide} to <32 x bfloat>")
            code.store("<32 x bfloat>", narrow, out, half * _TILE_BYTES + 64 * pair)
    blocks.close()
    stripes.close()
    code.do("call void @llvm.x86.tilerelease()")
    return code.text()


def _begin(code: Code) -> str:
    """Set the tiles up; gives room for two of them."""
    code.do("%setting = alloca [64 x i8], align 64")
    code.do(f"%corner = alloca [{2 * _TILE_BYTES} x i8], align 64")
    palette = [1, *[0] * 15, *[64, 0] * 8, *[0] * 16, *[16] * 8, *[0] * 8]
    code.do("store <64 x i8> <" + ", ".join(f"i8 {byte}" for byte in palette) + ">, ptr %setting, align 64")
    code.do("call void @llvm.x86.ldtilecfg(ptr %setting)")
    return "%corner"


def _unpack(code: Code, block_type: BlockType, weights: str, first: str, count: int, scratch: str) -> None:
    """Matrix rows as tiles: for each 32 columns two of 16 rows, or every other one."""
    layout = LAYOUTS[block_type]
    bytes_of_row = row_bytes(code, block_type)
    rows = code.loop("0", str(count), 1)
    start = code.at(weights, code.number("mul", code.number("add", first, rows.index), bytes_of_row))
    row = code.at(scratch, code.number("mul", rows.index, 64))
    units = code.loop("0", "%columns", layout.columns, [("ptr", start), ("ptr", row)])
    block, out = units.values
    prefetch(code, block, unit_bytes(block_type))
    unit = layout.unpack(code, block)
    for chunk in range(len(unit.chunks)):
        for half in range(2):
            narrow = narrow_numbers(code, unit, layout, chunk, half)
            code.store("<32 x bfloat>", narrow, out, 2 * _TILE_BYTES * (2 * chunk + half))
    units.close([code.at(block, unit_bytes(block_type)), code.at(out, 64 * layout.columns)])
    rows.close()


def _multiply(code: Code) -> Loop:
    """For each 32 input rows: their products with what is unpacked are in tiles 0 to 3. The caller closes the loop."""
    blocks = code.loop("0", "%count", 1)
    for tile in range(4):
        code.do(f"call void @llvm.x86.tilezero(i8 {tile})")
    inputs = code.at("%input", code.number("mul", blocks.index, code.number("mul", "%columns", 2 * STRIPE)))
    parts = code.loop("0", "%columns", 32, [("ptr", "%scratch"), ("ptr", inputs)])
    for tile, address, offset in (
        (4, parts.values[0], 0),
        (5, parts.values[0], _TILE_BYTES),
        (6, parts.values[1], 0),
        (7, parts.values[1], _TILE_BYTES),
    ):
        code.do(f"call void @llvm.x86.tileloadd64(i8 {tile}, ptr {code.at(address, offset)}, i64 64)")
    for line in range(0, 2 * _TILE_BYTES, 64):  # the next: the tiles come from the second-level cache
        for value in parts.values:
            code.do(f"call void @llvm.prefetch.p0(ptr {code.at(value, 2 * _TILE_BYTES + line)}, i32 0, i32 3, i32 1)")
    for tile in range(4):
        code.do(f"call void @llvm.x86.tdpbf16ps(i8 {tile}, i8 {4 + tile // 2}, i8 {6 + tile % 2})")
    parts.close([code.at(value, 2 * _TILE_BYTES) for value in parts.values])
    return blocks


def _swish(code: Code, x: str) -> str:
    """x sigmoid(x). The exponential is a polynomial in the fraction of a power of two, 2e-5 off at most."""

    def each(operation: str, left: str, right: str) -> str:
        return code(f"{operation} <16 x float> {left}, {right}")

    def number(value: float) -> str:
        return f"splat (float {struct.unpack('f', struct.pack('f', value))[0]:.17e})"

    power = each("fmul", x, number(-1.4426950408889634))
    power = code(f"call <16 x float> @llvm.maxnum.v16f32(<16 x float> {power}, <16 x float> {number(-126.0)})")
    power = code(f"call <16 x float> @llvm.minnum.v16f32(<16 x float> {power}, <16 x float> {number(126.0)})")
    whole = code(f"call <16 x float> @llvm.rint.v16f32(<16 x float> {power})")
    fraction = each("fsub", power, whole)
    value = number(_POWERS[-1])
    for coefficient in reversed(_POWERS[:-1]):
        value = code.fma(16, value, fraction, number(coefficient))
    bits = code(f"shl <16 x i32> {code(f'fptosi <16 x float> {whole} to <16 x i32>')}, splat (i32 23)")
    bits = code(f"add <16 x i32> {bits}, {code(f'bitcast <16 x float> {value} to <16 x i32>')}")
    value = code(f"bitcast <16 x i32> {bits} to <16 x float>")
    return each("fdiv", x, each("fadd", value, number(1.0)))


_POWERS = (1.0, math.log(2), math.log(2) ** 2 / 2, math.log(2) ** 3 / 6, math.log(2) ** 4 / 24)
"""2 to the power of x, |x| <= 1/2, by Taylor."""
