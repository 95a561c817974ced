"""Products by the processor's matrix unit (Intel AMX): tiles of 16 rows of 32 bfloat16.

Matrix rows are unpacked 32 at a time into tiles that stay in the second-level cache, then multiplied with all input rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.language.block_layouts import LAYOUTS, prefetch, row_bytes, sixteen_numbers, unit_bytes
from assistant.language.gguf import BlockType
from assistant.language.machine_code import Code

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
    layout = LAYOUTS[block_type]
    code = Code(f"matrix_product{parameters}")
    code.do("%setting = alloca [64 x i8], align 64")
    code.do(f"%corner = alloca [{_TILE_BYTES} x i8], align 64")
    palette = [1, *[0] * 15, *[64, 0] * 8, *[0] * 16, *[16] * 8, *[0] * 8]
    code.do("store <64 x i8> <" + ", ".join(f"i8 {byte}" for byte in palette) + ">, ptr %setting, align 64")
    code.do("call void @llvm.x86.ldtilecfg(ptr %setting)")
    bytes_of_row = row_bytes(code, block_type)
    last = code.number("sub", "%end", STRIPE)
    input_bytes = code.number("mul", "%columns", 2 * STRIPE)

    stripes = code.loop("%first", "%end", STRIPE)
    over = code(f"icmp sgt i64 {stripes.index}, {last}")
    first = code(
        f"select i1 {over}, i64 {last}, i64 {stripes.index}"
    )  # the last rows once more rather than rows that are not there
    rows = code.loop("0", str(STRIPE), 1)
    start = code.at("%weights", code.number("mul", code.number("add", first, rows.index), bytes_of_row))
    scratch = code.at("%scratch", code.number("mul", rows.index, 64))
    units = code.loop("0", "%columns", layout.columns, [("ptr", start), ("ptr", scratch)])
    block, out = units.values
    prefetch(code, block, unit_bytes(block_type))
    unit = layout.unpack(code, block)
    for chunk in range(len(unit.chunks)):
        for half in range(2):
            pieces = [sixteen_numbers(code, unit, layout, chunk, 2 * half + part) for part in range(2)]
            wide = code.pick("float", pieces[0], 16, range(32), pieces[1])
            narrow = code(f"fptrunc <32 x float> {wide} to <32 x bfloat>")
            code.store("<32 x bfloat>", narrow, out, 2 * _TILE_BYTES * (2 * chunk + half))
    units.close([code.at(block, unit_bytes(block_type)), code.at(out, 64 * layout.columns)])
    rows.close()

    blocks = code.loop("0", "%count", 1)
    for tile in range(4):
        code.do(f"call void @llvm.x86.tilezero(i8 {tile})")
    inputs = code.at("%input", code.number("mul", blocks.index, input_bytes))
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
    for tile in range(4):
        code.do(f"call void @llvm.x86.tilestored64(i8 {tile}, ptr %corner, i64 64)")
        columns = [code.load("<16 x float>", "%corner", 64 * row) for row in range(16)]
        for row, values in enumerate(_transposed(code, "float", columns)):
            number = code.number("add", code.number("mul", blocks.index, STRIPE), 16 * (tile % 2) + row)
            place = code.number("add", code.number("mul", number, "%stride"), code.number("add", first, 16 * (tile // 2)))
            code.store("<16 x float>", values, code.at("%out", code.number("mul", place, 4)))
    blocks.close()
    stripes.close()
    code.do("call void @llvm.x86.tilerelease()")
    return code.text()
