from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ConfigError, FileMissingError
from assistant.evaluation.rows import read_rows, text_field


def _name(row: dict[str, Any]) -> str:
    return text_field(row, "name")


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"name": "a"}\n\n{"name": "b"}\n')
    assert read_rows(tmp_path / "x.jsonl", _name, fields="name") == ["a", "b"]


@pytest.mark.parametrize("line", ["{", "7", "[]", "{}", '{"name": 7}', '{"name": " "}', "NaN"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.jsonl").write_text('{"name": "a"}\n' + line)
    with pytest.raises(ConfigError, match="line 2 of") as caught:
        read_rows(tmp_path / "x.jsonl", _name, fields="name")
    assert caught.value.hint == "fields: name"


def test_a_file_that_is_empty_or_missing_or_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("\n")
    with pytest.raises(ConfigError, match="holds no lines"):
        read_rows(tmp_path / "x.jsonl", _name, fields="name")
    with pytest.raises(FileMissingError, match="cannot read"):
        read_rows(tmp_path, _name, fields="name")
    (tmp_path / "x.jsonl").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_rows(tmp_path / "x.jsonl", _name, fields="name")
