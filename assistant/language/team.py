"""A few threads that work on one product together.

Products follow one another within microseconds, and waking a thread takes hundreds, so a waiting thread watches for work for about
a millisecond before it goes to sleep; and whoever is awake takes the next rows, so nobody waits for one who is late.
"""

from __future__ import annotations

import platform
import threading
import weakref
from collections.abc import Sequence
from functools import cache
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.language.machine_code import Code, Function, Library, Target, host_target

MOST_PARTS = 4
_OPEN, _INSIDE, _COUNT, _SCRATCH, _CLOSED, _PARTS = 0, 64, 128, 136, 192, 256
"""Where on the board stand: the number of the product in work or 0, how many helpers are at it, its parts, the room for all
threads, whether the team has ended, and the parts."""
_FIELDS = (
    "next",
    "function",
    "weights",
    "rows",
    "chunk",
    "columns",
    "input",
    "input_rows",
    "out",
    "stride",
    "second",
    "scratch_bytes",
)
_PART_BYTES = 128
_LOOKS = 20_000
"""How often a helper looks for work before it sleeps: about a millisecond."""


class Part(NamedTuple):
    """Some rows of a product: what a kernel is called with (`kernels.PARAMETERS`)."""

    function: int
    """The kernel's address."""
    weights: int
    rows: int
    chunk: int
    """Rows that a thread takes at a time."""
    columns: int
    input: int
    input_rows: int
    out: int
    stride: int
    second: int = 0
    scratch_bytes: int = 0
    """Room that each thread needs."""


class Team:
    """The calling thread and `threads` - 1 helpers. One product at a time."""

    def __init__(self, threads: int, target: Target | None = None) -> None:
        """Helpers start asleep; they end with the team, closed or not.

        Raises:
            ValueError: There is less than one thread.
        """
        if threads < 1:
            raise ValueError(f"{threads} threads")
        self.threads = threads
        self._board = torch.zeros((_PARTS + MOST_PARTS * _PART_BYTES) // 8, dtype=torch.int64)
        self._words = self._board.numpy()
        self._lead, self._help = _functions(host_target() if target is None else target)
        self._scratch = torch.empty(0, dtype=torch.uint8)
        self._product = 0
        self._asleep = [True] * (threads - 1)
        self._beds: list[SimpleQueue[bool]] = [SimpleQueue() for _ in self._asleep]
        self._end = weakref.finalize(self, _end, self._words, self._beds)
        for number, bed in enumerate(self._beds):
            # without the team itself, which the thread would keep alive
            given = (self._help, self._board, self._asleep, number, bed)
            threading.Thread(target=_serve, args=given, name=f"team-{number + 1}", daemon=True).start()

    def run(self, parts: Sequence[Part]) -> None:
        """Compute all rows of all parts.

        Raises:
            ValueError: There are too many parts.
        """
        if len(parts) > MOST_PARTS:
            raise ValueError(f"{len(parts)} parts, {MOST_PARTS} is the most")
        room = -(-max(part.scratch_bytes for part in parts) // 64) * 64
        if room * self.threads > len(self._scratch):
            self._scratch = torch.empty(room * self.threads, dtype=torch.uint8)
        words = self._words
        for number, part in enumerate(parts):
            first = (_PARTS + number * _PART_BYTES) // 8
            words[first : first + len(_FIELDS)] = (0, *part[:-1], room)
        words[_COUNT // 8], words[_SCRATCH // 8] = len(parts), self._scratch.data_ptr()
        self._product += 1
        for number, bed in enumerate(self._beds):
            if self._asleep[number]:
                self._asleep[number] = False
                bed.put(True)
        self._lead(self._board.data_ptr(), self._product)

    def close(self) -> None:
        """Let the helpers end."""
        self._end()


def _end(words: NDArray[np.int64], beds: Sequence[SimpleQueue[bool]]) -> None:
    words[_CLOSED // 8] = 1
    for bed in beds:
        bed.put(False)


def _serve(help_: Function, board: Tensor, asleep: list[bool], number: int, bed: SimpleQueue[bool]) -> None:
    while bed.get():
        help_(board.data_ptr(), number + 1)
        asleep[number] = True


@cache
def _functions(target: Target) -> tuple[Function, Function]:
    library = Library(_work() + _leading() + _helping(), target)
    return library.function("lead", 2), library.function("help", 2)


def _pause(code: Code) -> None:
    if platform.machine() in ("x86_64", "AMD64"):
        code.do("call void @llvm.x86.sse2.pause()")


def _work() -> str:
    """Take rows of each part until there are none left."""
    code = Code("work(ptr %board, i64 %number)")
    parts = code.loop("0", code.load("i64", "%board", _COUNT), 1)
    part = code.at(code.at("%board", _PARTS), code.number("mul", parts.index, _PART_BYTES))
    field = {name: code.load("i64", part, 8 * place) for place, name in enumerate(_FIELDS)}
    function = code(f"inttoptr i64 {field['function']} to ptr")
    scratch = code.number("add", code.load("i64", "%board", _SCRATCH), code.number("mul", field["scratch_bytes"], "%number"))
    code.do("br label %take")
    code.begin("take")
    first = code(f"atomicrmw add ptr {part}, i64 {field['chunk']} seq_cst")
    code.do(f"br i1 {code(f'icmp slt i64 {first}, ' + field['rows'])}, label %compute, label %taken")
    code.begin("compute")
    end = code.number("add", first, field["chunk"])
    over = code(f"icmp sgt i64 {end}, {field['rows']}")
    end = code(f"select i1 {over}, i64 {field['rows']}, i64 {end}")
    given = [field[name] for name in ("columns", "input", "input_rows")]
    values = [field["weights"], first, end, *given, scratch, field["out"], field["stride"], field["second"]]
    code.do(f"call void {function}({', '.join(f'i64 {value}' for value in values)})")
    code.do("br label %take")
    code.begin("taken")
    parts.close()
    return code.text()


def _leading() -> str:
    """Open the product, work, close it, wait until no helper is inside."""
    code = Code("lead(ptr %board, i64 %product)")
    code.do(f"store atomic i64 %product, ptr {code.at('%board', _OPEN)} seq_cst, align 8")
    code.do("call void @work(ptr %board, i64 0)")
    code.do(f"store atomic i64 0, ptr {code.at('%board', _OPEN)} seq_cst, align 8")
    code.do("br label %wait")
    code.begin("wait")
    _pause(code)
    inside = code(f"load atomic i64, ptr {code.at('%board', _INSIDE)} seq_cst, align 8")
    code.do(f"br i1 {code(f'icmp eq i64 {inside}, 0')}, label %end, label %wait")
    code.begin("end")
    return code.text()


def _helping() -> str:
    """Look for products not yet seen, go inside, and work on those that are still open then."""
    code = Code("help(ptr %board, i64 %number)")
    code.do("br label %look")
    code.begin("look")
    code.do(f"%looks = phi i64 [{_LOOKS}, %entry], [%fewer, %idle], [{_LOOKS}, %leave]")
    code.do("%seen = phi i64 [0, %entry], [%seen, %idle], [%open, %leave]")
    _pause(code)
    code.do(f"%open = load atomic i64, ptr {code.at('%board', _OPEN)} seq_cst, align 8")
    code.do("%none = icmp eq i64 %open, 0")
    code.do("%old = icmp eq i64 %open, %seen")
    code.do("%nothing = or i1 %none, %old")
    code.do("br i1 %nothing, label %idle, label %enter")
    code.begin("idle")
    code.do("%fewer = sub i64 %looks, 1")
    code.do(f"%closed = load atomic i64, ptr {code.at('%board', _CLOSED)} monotonic, align 8")
    code.do("%running = icmp eq i64 %closed, 0")
    code.do("%patient = icmp sgt i64 %fewer, 0")
    code.do("%on = and i1 %running, %patient")
    code.do("br i1 %on, label %look, label %end")
    code.begin("enter")
    inside = code.at("%board", _INSIDE)
    code.do(f"%before = atomicrmw add ptr {inside}, i64 1 seq_cst")
    code.do(f"%still = load atomic i64, ptr {code.at('%board', _OPEN)} seq_cst, align 8")
    code.do("%same = icmp eq i64 %still, %open")
    code.do("br i1 %same, label %share, label %leave")
    code.begin("share")
    code.do("call void @work(ptr %board, i64 %number)")
    code.do("br label %leave")
    code.begin("leave")
    code.do(f"%after = atomicrmw sub ptr {inside}, i64 1 seq_cst")
    code.do("br label %look")
    code.begin("end")
    return code.text()
