from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import FileMissingError
from assistant.evaluation.pictures import Pictures


def test_a_picture_is_decoded_once_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    pictures = Pictures(tmp_path)
    assert (pictures["a.png"].width_px, pictures["a.png"].height_px) == (8, 6)
    assert pictures["a.png"] is pictures["a.png"]
    with pytest.raises(FileMissingError, match=r"b\.png"):
        _ = pictures["b.png"]
