from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.language import machine_code
from assistant.language.machine_code import Code, Library, Target, host_target


def _sum_of_squares(target: Target) -> Library:
    code = Code("squares(i64 %count, ptr %out)")
    loop = code.loop("0", "%count", 1, [("i64", "0")])
    square = code.number("mul", loop.index, loop.index)
    (total,) = loop.close([code.number("add", loop.values[0], square)])
    code.store("i64", total, "%out")
    return Library(code.text(), target)


def test_a_loop_carries_its_values() -> None:
    for target in (host_target(), Target(False, False)):
        out = torch.zeros(1, dtype=torch.int64)
        _sum_of_squares(target).function("squares", 2)(10, out.data_ptr())
        assert out.item() == 285


def test_a_function_keeps_its_code_alive() -> None:
    function = _sum_of_squares(host_target()).function("squares", 2)
    gc.collect()
    out = torch.zeros(1, dtype=torch.int64)
    function(3, out.data_ptr())
    assert out.item() == 5


def test_compiled_code_is_kept_and_damaged_code_is_compiled_again(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    kept = Target(False, False, folder)
    for damage in (None, b"", b"x" * 1000):
        out = torch.zeros(1, dtype=torch.int64)
        _sum_of_squares(kept).function("squares", 2)(4, out.data_ptr())
        assert out.item() == 14
        (file,) = folder.iterdir()
        whole = file.stat()
        _sum_of_squares(kept)
        assert file.stat().st_mtime_ns == whole.st_mtime_ns
        if damage is not None:
            file.write_bytes(damage)


def test_where_nothing_can_be_kept_it_is_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    out = torch.zeros(1, dtype=torch.int64)
    _sum_of_squares(Target(False, False, tmp_path / "in the way")).function("squares", 2)(4, out.data_ptr())
    assert out.item() == 14


def test_every_half_is_the_same_float_without_the_instruction_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = {name: on and name not in ("f16c", "avx512fp16") for name, on in machine_code._cpu_flags().items()}
    if "f16c" in flags:  # else it is no x86, and has the instruction
        monkeypatch.setattr(machine_code, "_cpu_flags", lambda: flags)
    code = Code("widen(i64 %count, ptr %halves, ptr %out)")
    loop = code.loop("0", "%count", 1)
    number = code.half(code.at("%halves", code.number("mul", loop.index, 2)), 0)
    code.store("float", number, "%out", code.number("mul", loop.index, 4))
    loop.close()
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    out = np.empty(1 << 16, np.float32)
    Library(code.text(), Target(False, False)).function("widen", 3)(1 << 16, halves.ctypes.data, out.ctypes.data)
    np.testing.assert_array_equal(out, halves.astype(np.float32))


def test_a_file_that_could_not_be_finished_is_not_left_behind(tmp_path: Path) -> None:
    machine_code._keep(tmp_path / "key.o", b"code")
    (tmp_path / "key.o").unlink()
    (tmp_path / "key.o").mkdir()
    machine_code._keep(tmp_path / "key.o", b"code")
    assert [path.name for path in tmp_path.iterdir()] == ["key.o"]
