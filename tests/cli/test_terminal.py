import io
import json

import pytest

from assistant.cli.terminal import decoded, existing, print_json, status
from assistant.errors import FileMissingError, InvalidTextError


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
