from __future__ import annotations

import gc
from pathlib import Path

import torch

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
