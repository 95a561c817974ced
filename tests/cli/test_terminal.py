import io
import json

import pytest

from assistant.cli.terminal import decoded, existing, piped_line, print_json, status
from assistant.errors import FileMissingError, InvalidTextError, TextTooLongError


def test_bytes_that_are_not_utf8_are_located() -> None:
    with pytest.raises(InvalidTextError, match="x is not UTF-8 at byte 2"):
        decoded(b"ab\xff", "x")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileMissingError, match="no-such-file"):
        existing("no-such-file")


@pytest.mark.parametrize("name", ["\udcff.wav", "é.wav"])
def test_every_file_name_can_be_printed_as_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"path": name})
    assert json.loads(capsys.readouterr().out) == {"path": name.replace("\udcff", "?")}


def test_no_spinner_is_drawn_outside_a_terminal() -> None:
    stream = io.StringIO()
    with status("thinking", stream):
        pass
    assert stream.getvalue() == ""


def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b"ab\n" + b"x" * 100 + b"\nabcdefgh\n" + "é".encode() * 3 + b"\n" + "🙂🙂".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert piped_line(2) == "ab\n"
    with pytest.raises(TextTooLongError, match="the line holds more than the 2 characters"):
        piped_line(2)
    assert [piped_line(2), piped_line(2), piped_line(2), piped_line(2)] == ["abcdefgh\n", "ééé\n", "🙂🙂", None]
