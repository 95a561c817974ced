from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.vision.graph_def import read_constants
from tests.vision.graphs import save_graph

KERNEL = np.arange(600, dtype=np.float32).reshape(3, 5, 40)


def test_constants_come_out_as_they_went_in(tmp_path: Path) -> None:
    constants = read_constants(save_graph(tmp_path / "model.pb", {"a/weights": KERNEL, "a/biases": KERNEL[0, 0]}))
    assert constants.keys() == {"a/weights", "a/biases"}
    assert np.array_equal(constants["a/weights"], KERNEL)


@pytest.mark.parametrize("kept", [0.2, 0.9, 0.999])
def test_a_graph_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    path = save_graph(tmp_path / "model.pb", {"a/weights": KERNEL})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(WeightsCorruptError):
        read_constants(path)


@pytest.mark.parametrize("data", [b"\xff" * 30, b"\x0b\x0b", b"GGUF" * 20])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.pb").write_bytes(data)
    with pytest.raises(WeightsCorruptError):
        read_constants(tmp_path / "model.pb")
    with pytest.raises(WeightsMissingError):
        read_constants(tmp_path / "none.pb")
