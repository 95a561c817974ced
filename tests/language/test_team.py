"""Every row is computed once or more, by whoever is awake, and the caller waits for all."""

from __future__ import annotations

import gc
import threading
import time

import pytest
import torch

from assistant.language.gguf import BlockType
from assistant.language.kernels import kernels
from assistant.language.machine_code import address_of, host_target
from assistant.language.team import MOST_PARTS, Part, Team
from tests.language.random_blocks import random_matrix

ROWS, COLUMNS = 1000, 64


def _part(out: torch.Tensor) -> Part:
    numbers = kernels(BlockType.Q8_0, host_target()).product[1]
    return Part(address_of(numbers), MATRIX.address, ROWS, 32, COLUMNS, PLANES.data_ptr(), 1, out.data_ptr(), ROWS)


MATRIX = random_matrix(ROWS, COLUMNS, BlockType.Q8_0)
PLANES = torch.ones(1024, dtype=torch.uint8)
PLANES[COLUMNS * 2 :] = 0


def _computed(out: torch.Tensor) -> bool:
    return bool(out.isfinite().all())


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("pause_s", [0.0, 0.02])
def test_all_rows_are_there_when_run_returns(threads: int, pause_s: float) -> None:
    team = Team(threads)
    for _ in range(20 if pause_s else 500):
        outs = [torch.full((1, ROWS), torch.nan) for _ in range(3)]
        team.run([_part(out) for out in outs])
        assert all(_computed(out) for out in outs)
        time.sleep(pause_s)  # long enough for helpers to fall asleep
    team.close()


def test_a_closed_team_still_computes_in_the_calling_thread() -> None:
    team = Team(2)
    team.close()
    out = torch.full((1, ROWS), torch.nan)
    team.run([_part(out)])
    assert _computed(out)


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        Team(1).run([_part(torch.empty(1, ROWS))] * (MOST_PARTS + 1))


def test_a_team_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="0 threads"):
        Team(0)


def test_helpers_end_with_a_team_that_nobody_closed() -> None:
    before = set(threading.enumerate())
    team, out = Team(3), torch.empty(1, ROWS)
    team.run([_part(out)])
    helpers = set(threading.enumerate()) - before
    assert len(helpers) == 2
    del team
    gc.collect()
    for helper in helpers:
        helper.join(5)
        assert not helper.is_alive()
