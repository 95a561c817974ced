from __future__ import annotations

import gc

import torch

from assistant.language.machine_code import Code, Features, Library, host_features


def _sum_of_squares(features: Features) -> Library:
    code = Code("squares(i64 %count, ptr %out)")
    loop = code.loop("0", "%count", 1, [("i64", "0")])
    square = code.number("mul", loop.index, loop.index)
    (total,) = loop.close([code.number("add", loop.values[0], square)])
    code.store("i64", total, "%out")
    return Library(code.text(), features)


def test_a_loop_carries_its_values() -> None:
    for features in (host_features(), Features(False, False)):
        out = torch.zeros(1, dtype=torch.int64)
        _sum_of_squares(features).function("squares", 2)(10, out.data_ptr())
        assert out.item() == 285


def test_a_function_keeps_its_code_alive() -> None:
    function = _sum_of_squares(host_features()).function("squares", 2)
    gc.collect()
    out = torch.zeros(1, dtype=torch.int64)
    function(3, out.data_ptr())
    assert out.item() == 5
