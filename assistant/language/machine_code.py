"""Functions in LLVM's assembly, written from Python and compiled for the processor at hand.

Values are vectors of a fixed width; LLVM maps them to whatever registers there are. Nothing here knows what is computed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import llvmlite.binding as llvm


@dataclass(frozen=True, slots=True)
class Target:
    """What code is compiled for."""

    dot_products: bool
    """AVX-512 VNNI: four int8 products added up in one instruction."""
    bfloat16_tiles: bool
    """AMX: 16 x 32 by 32 x 16 products."""
    cache_dir: Path | None = None
    """Where compiled code is kept from one process to the next; None is nowhere."""


@cache
def host_target(cache_dir: Path | None = None) -> Target:
    """This processor, as far as the operating system lets us use it."""
    has = _cpu_flags()
    vector = all(has.get(name, False) for name in ("avx512f", "avx512bw", "avx512vl", "avx512vnni"))
    tiles = all(has.get(name, False) for name in ("avx512bf16", "amx-tile", "amx-bf16"))
    return Target(dot_products=vector, bfloat16_tiles=vector and tiles and _tiles_are_allowed(), cache_dir=cache_dir)


def _tiles_are_allowed() -> bool:
    """Ask Linux for the large register state, as every process must."""
    if sys.platform != "linux":
        return False
    arch_prctl, ask_permission, tile_data = 158, 0x1023, 18
    return bool(ctypes.CDLL(None).syscall(arch_prctl, ask_permission, tile_data) == 0)


@cache
def _cpu_flags() -> Mapping[str, bool]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return dict(llvm.get_host_cpu_features())


Function: TypeAlias = Callable[..., None]


class Library:
    """Compiled functions, kept in memory as long as one of them."""

    def __init__(self, code: str, target: Target) -> None:
        """Compile, or take what was compiled before.

        Args:
            code: Of `Code.text()`, one function or more.
            target: Which instructions may be used, and where compiled code is kept.
        """
        names = {name: on for name, on in _cpu_flags().items() if name != "prefer-256-bit"}
        if not target.dot_products:
            names = {name: on and "avx512" not in name and "amx" not in name for name, on in names.items()}
        flags = ",".join(f"{'+' if on else '-'}{name}" for name, on in sorted(names.items()))
        code += DECLARATIONS
        if names.get("f16c") is False:
            code += HALF_TO_FLOAT
        key = hashlib.sha256(f"{llvm.llvm_version_info} {llvm.get_process_triple()} {flags}\n{code}".encode()).hexdigest()
        place = target.cache_dir / f"{key}.o" if target.cache_dir else None
        compiled = _kept(place)
        module = llvm.parse_assembly(code)
        module.verify()
        machine = llvm.Target.from_default_triple().create_target_machine(features=flags, opt=3, jit=True)
        if compiled is None:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False  # the loops are vectors already
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.set_object_cache(lambda _, made: _keep(place, made), lambda _: compiled)
        self._engine.finalize_object()

    def function(self, name: str, arguments: int) -> Function:
        """A function of whole numbers and addresses."""
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(self._engine.get_function_address(name))
        function.library = self  # type: ignore[attr-defined]  # the code lives as long as the function
        return function


_DIGEST_BYTES = 32


def _kept(place: Path | None) -> bytes | None:
    """What `_keep` left there, if it is whole."""
    if place is None:
        return None
    try:
        content = place.read_bytes()
    except OSError:
        return None
    digest, compiled = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return compiled if hashlib.sha256(compiled).digest() == digest else None


def _keep(place: Path | None, compiled: bytes) -> None:
    """Keep it for the next process; where that cannot be, it is compiled again."""
    if place is None:
        return
    part = place.with_suffix(f".{os.getpid()}.part")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_bytes(hashlib.sha256(compiled).digest() + compiled)
        part.replace(place)
    except OSError:
        with suppress(OSError):
            part.unlink()  # a disk that is full stays no fuller


def address_of(function: Function) -> int:
    """Where a compiled function lies."""
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)  # type: ignore[arg-type]


DECLARATIONS = """
declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32>, <64 x i8>, <64 x i8>)
declare <2 x float> @llvm.fma.v2f32(<2 x float>, <2 x float>, <2 x float>)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare float @llvm.vector.reduce.fadd.v2f32(float, <2 x float>)
declare float @llvm.vector.reduce.fadd.v8f32(float, <8 x float>)
declare float @llvm.vector.reduce.fadd.v16f32(float, <16 x float>)
declare float @llvm.vector.reduce.fmaximum.v16f32(<16 x float>)
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
declare <16 x float> @llvm.fabs.v16f32(<16 x float>)
declare <16 x float> @llvm.maxnum.v16f32(<16 x float>, <16 x float>)
declare <16 x float> @llvm.minnum.v16f32(<16 x float>, <16 x float>)
declare <16 x float> @llvm.rint.v16f32(<16 x float>)
declare <16 x i32> @llvm.fptosi.sat.v16i32.v16f32(<16 x float>)
declare <16 x float> @llvm.maximum.v16f32(<16 x float>, <16 x float>)
declare float @llvm.maximum.f32(float, float)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare <32 x i16> @llvm.x86.avx512.permvar.hi.512(<32 x i16>, <32 x i16>)
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.ldtilecfg(ptr)
declare void @llvm.x86.tilerelease()
declare void @llvm.x86.tilezero(i8)
declare void @llvm.x86.tileloadd64(i8, ptr, i64)
declare void @llvm.x86.tilestored64(i8, ptr, i64)
declare void @llvm.x86.tdpbf16ps(i8, i8, i8)
"""

HALF_TO_FLOAT = """
define float @__extendhfsf2(half %number) {
  %bits = bitcast half %number to i16
  %wide = zext i16 %bits to i32
  %size = and i32 %wide, 32767
  %moved = shl i32 %size, 13
  %small = bitcast i32 %moved to float
  %scaled = fmul float %small, 0x46F0000000000000
  %finite = bitcast float %scaled to i32
  %special = icmp uge i32 %size, 31744
  %exponent = select i1 %special, i32 2139095040, i32 0
  %negative = and i32 %wide, 32768
  %sign = shl i32 %negative, 16
  %unsigned = or i32 %finite, %exponent
  %all = or i32 %unsigned, %sign
  %result = bitcast i32 %all to float
  ret float %result
}
"""
"""What LLVM calls where the processor has no instruction for it (x86 before F16C); not every C library has it. A factor of 2 to the
power of 112 moves the exponent, which is right for subnormal numbers too."""


class Code:
    """A function in the making. Calling it appends an instruction and gives the name of its value."""

    def __init__(self, signature: str) -> None:
        """Begin `name(parameters)`."""
        self._lines = [f"define void @{signature} {{", "entry:"]
        self._count = 0
        self._block = "entry"

    def __call__(self, instruction: str) -> str:
        """Append an instruction that has a value; gives its name."""
        name = self.name()
        self.do(f"{name} = {instruction}")
        return name

    def name(self) -> str:
        """A name not used yet."""
        self._count += 1
        return f"%v{self._count}"

    def do(self, instruction: str) -> None:
        """Append an instruction without a value, or with one that is named in it."""
        self._lines.append("  " + instruction)

    def loop(self, start: str, end: str, step: int, carried: Sequence[tuple[str, str]] = ()) -> Loop:
        """Begin `for i in range(start, end, step)`, which runs at least once; `carried` are (type, first value)."""
        return Loop(self, start, end, step, carried)

    def begin(self, label: str) -> None:
        """Begin a block; the one before must have ended in a branch."""
        self._lines.append(f"{label}:")
        self._block = label

    @property
    def block(self) -> str:
        """The block being written."""
        return self._block

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self._lines, "  ret void", "}", ""])

    def at(self, address: str, bytes_: str | int) -> str:
        """The address so many bytes further."""
        return self(f"getelementptr i8, ptr {address}, i64 {bytes_}")

    def load(self, kind: str, address: str, bytes_: str | int = 0) -> str:
        """A value from memory, aligned or not."""
        return self(f"load {kind}, ptr {self.at(address, bytes_) if bytes_ else address}, align 1")

    def store(self, kind: str, value: str, address: str, bytes_: str | int = 0) -> None:
        """A value to memory, aligned or not."""
        self.do(f"store {kind} {value}, ptr {self.at(address, bytes_) if bytes_ else address}, align 1")

    def number(self, operation: str, left: str | int, right: str | int) -> str:
        """Whole numbers: `add`, `sub`, `mul`, `sdiv`."""
        return self(f"{operation} i64 {left}, {right}")

    def pick(self, kind: str, values: str, count: int, lanes: Sequence[int], others: str = "poison") -> str:
        """Lanes of one vector of `count`, or of two, the second counted on from `count`."""
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        return self(f"shufflevector <{count} x {kind}> {values}, <{count} x {kind}> {others}, <{len(lanes)} x i32> <{mask}>")

    def joined(self, low: str, high: str, count: int) -> str:
        """Two vectors of `count` bytes, one behind the other."""
        return self.pick("i8", low, count, range(2 * count), high)

    def splat(self, value: str, count: int) -> str:
        """One float in all lanes."""
        first = self(f"insertelement <{count} x float> poison, float {value}, i32 0")
        return self.pick("float", first, count, [0] * count)

    def half(self, address: str, bytes_: int) -> str:
        """A half-precision number as float."""
        return self(f"fpext half {self.load('half', address, bytes_)} to float")

    def fma(self, count: int, left: str, right: str, addend: str) -> str:
        """left · right + addend, rounded once."""
        kind = f"<{count} x float>"
        return self(f"call {kind} @llvm.fma.v{count}f32({kind} {left}, {kind} {right}, {kind} {addend})")

    def total(self, count: int, values: str) -> str:
        """The sum of all lanes."""
        return self(f"call reassoc float @llvm.vector.reduce.fadd.v{count}f32(float 0.0, <{count} x float> {values})")


class Loop:
    """A loop in the making: `index`, and the `values` carried from one round to the next."""

    def __init__(self, code: Code, start: str, end: str, step: int, carried: Sequence[tuple[str, str]]) -> None:
        """See `Code.loop`."""
        self._code, self._end, self._step = code, end, step
        before, label = code.block, code.name()[1:]
        self._label, self._before = label, before
        self.index = code.name()
        self.values = [code.name() for _ in carried]
        self._next_index, self._next = code.name(), [code.name() for _ in carried]
        self._kinds = [kind for kind, _ in carried]
        code.do(f"br label %{label}")
        code.begin(label)
        # the block that jumps back is known at the end: a branch block of its own stands for it
        code.do(f"{self.index} = phi i64 [{start}, %{before}], [{self._next_index}, %{label}back]")
        for name, following, (kind, first) in zip(self.values, self._next, carried, strict=True):
            code.do(f"{name} = phi {kind} [{first}, %{before}], [{following}, %{label}back]")

    def close(self, values: Sequence[str] = ()) -> list[str]:
        """End the loop's body with what is carried on; gives what is carried out."""
        code, label = self._code, self._label
        code.do(f"br label %{label}back")
        code.begin(f"{label}back")
        code.do(f"{self._next_index} = add nsw i64 {self.index}, {self._step}")
        for name, kind, value in zip(self._next, self._kinds, values, strict=True):
            # an instruction only for its name, which the head of the loop knows already
            code.do(f"{name} = select i1 true, {kind} {value}, {kind} {value}")
        more = code(f"icmp slt i64 {self._next_index}, {self._end}")
        code.do(f"br i1 {more}, label %{label}, label %{label}end")
        code.begin(f"{label}end")
        return self._next
