import numpy as np

from assistant.types import Evidence, Explanation, Image, Source, StoredTurn
from assistant.vision.explanation import draw_explanation, merged, title

PHOTO = Image(np.full((30, 40, 3), 128, np.uint8), "ab" * 32)
BOX = (0.25, 0.25, 0.75, 0.75)
SOURCES = (
    Source("instructions", "instructions", 0.3),
    Source("picture", "red car (left)", 0.4, 0, (BOX,)),
    Source("picture", "cell", 0.1, 0, ((0, 0, 0.5, 1),)),
    Source("picture", "cell", 0.05, 0, ((0.5, 0, 1, 1),)),
    Source("question", "What is it? " * 30, 0.15),
)


def turn(pictures: int = 1) -> StoredTurn:
    return StoredTurn("t", "alice", 0, "2026-11-22T06:00:00", "What is it?", "车 A car.", "en", (Evidence(40, 30),) * pictures)


def test_the_sheet_shows_the_boxes_the_heat_and_the_bars() -> None:
    words = (("A", (0.3, 0.4, 0.1, 0.05, 0.15)), ("car.", (0.1, 0.9, 0, 0, 0)))
    explanation = Explanation(turn(), "model", -3.5, SOURCES, words, (((4.0, 0.0), (-1.0, 0.0)),), {"notes": 2.5, "pictures": 0.0})
    sheet = np.asarray(draw_explanation(explanation, [PHOTO])).astype(int)
    bare = np.asarray(draw_explanation(Explanation(turn(), "model", -3.5), [PHOTO])).astype(int)
    assert len(sheet) > len(bare)
    red, blue = (sheet[..., 0] - sheet[..., 2] > 60), (sheet[..., 2] - sheet[..., 0] > 20)
    assert red[: len(sheet) // 2, :600].any()  # the box
    assert red[: len(sheet) // 2, 640:].any()  # the cell that matters
    assert blue[: len(sheet) // 2, 640:].any()  # the one that stood in the way
    assert not (bare[..., 0] - bare[..., 2] > 60).any()


def test_a_turn_without_a_picture_is_drawn_too() -> None:
    assert draw_explanation(Explanation(turn(0), "model", -3.5, SOURCES), []).width > 1000


def test_cells_count_as_one_and_the_largest_share_comes_first() -> None:
    assert [(source.name[:8], round(source.share, 2)) for source in merged(SOURCES)] == [
        ("red car ", 0.4),
        ("instruct", 0.3),
        ("cell", 0.15),
        ("What is ", 0.15),
    ]
    assert title(SOURCES[1]) == "red car (left), picture 1 of the turn"
