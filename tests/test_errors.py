import re

from assistant import errors
from assistant.errors import AssistantError


def tree(kind: type[AssistantError]) -> list[type[AssistantError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def test_every_error_is_drawn_with_its_code() -> None:
    drawn = set(re.findall(r"(\w+Error)\b", errors.__doc__ or ""))
    ours = [kind for kind in tree(AssistantError) if kind.__module__ == errors.__name__]
    assert {kind.__name__ for kind in ours} == drawn
    for kind in ours:
        if not kind.__subclasses__() and kind is not AssistantError:
            assert re.search(rf"{kind.__name__} +{kind.code}\n", (errors.__doc__ or "") + "\n")


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in tree(AssistantError)]
    assert len(set(codes)) == len(codes)


def test_an_error_carries_a_hint() -> None:
    error = errors.ConfigError("unknown setting 'x'", hint="known: y")
    assert (str(error), error.hint, error.status, error.retryable) == ("unknown setting 'x'", "known: y", 500, False)
