import pytest

from assistant.errors import GenerationError, UnsupportedLanguageError
from assistant.testing import ScriptedLanguageModel, ScriptedSynthesizer
from assistant.types import GenerationOptions, Message, Prompt

HELLO = Prompt((Message("user", "Hello"),))


async def said(model: ScriptedLanguageModel) -> str:
    return "".join([piece.text async for piece in model.generate(HELLO, GenerationOptions())])


async def test_the_script_is_said_line_by_line_and_the_last_line_repeats() -> None:
    model = ScriptedLanguageModel(["one two", "three"])
    assert [await said(model) for _ in range(3)] == ["one two", "three", "three"]


async def test_an_error_in_the_script_is_raised() -> None:
    with pytest.raises(GenerationError):
        await said(ScriptedLanguageModel([GenerationError("no")]))


async def test_a_reply_is_cut_at_its_longest() -> None:
    pieces = [piece async for piece in ScriptedLanguageModel(["a b c"]).generate(HELLO, GenerationOptions(max_tokens=2))]
    assert ("".join(piece.text for piece in pieces), pieces[-1].finish_reason) == ("a b", "length")


async def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(UnsupportedLanguageError):
        await anext(ScriptedSynthesizer().synthesize("salut", language="fr"))
