import io

import pytest

from assistant.cli.terminal import decoded, existing, status
from assistant.errors import FileMissingError, InvalidTextError


def test_bytes_that_are_not_utf8_are_located() -> None:
    with pytest.raises(InvalidTextError, match="x is not UTF-8 at byte 2"):
        decoded(b"ab\xff", "x")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileMissingError, match="no-such-file"):
        existing("no-such-file")


def test_no_spinner_is_drawn_outside_a_terminal() -> None:
    stream = io.StringIO()
    with status("thinking", stream):
        pass
    assert stream.getvalue() == ""
