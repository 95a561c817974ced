"""The default profile, for real: hears a recorded question, looks at a photo, remembers, answers aloud."""

import re
from pathlib import Path

import pytest

from assistant import Assistant
from assistant.types import AudioDelta, TextDelta

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.weights
@pytest.mark.parametrize("profile", ["tiny", "cpu"])
def test_a_recorded_question_about_a_photo_is_answered_aloud_and_remembered(profile: str, tmp_path: Path) -> None:
    words = {"max_tokens": 24} if profile == "tiny" else {}  # by itself it rambles on
    with Assistant(profile=profile, data_dir=tmp_path, language_model=words) as assistant:
        first = assistant.ask(audio=DATA / "question.wav", images=[DATA / "photo.jpg"], session="demo")
        assert "what you can see in this picture" in first.transcript.lower()
        assert any("espresso" in label.name for label in first.evidence[0].labels)
        assert first.audio is not None
        assert first.audio.duration_s > 0.5
        events = list(assistant.stream("What was in the picture I showed you a moment ago?", session="demo"))
        kinds = [type(event) for event in events]
        assert AudioDelta in kinds
        second = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert assistant.history("demo")[1].reply_text == second
        again = assistant.ask("Thank you.", session="demo", speak=False)
        assert again.usage.cached_tokens > again.usage.prompt_tokens / 2
        if profile == "cpu":  # the smallest model is for tests of the plumbing, not for answers
            assert "espresso" in first.text.lower() or "coffee" in first.text.lower()
            assert "espresso" in second.lower() or "coffee" in second.lower()
        heard, said = (set(re.findall(r"\w+", text.lower())) for text in (assistant.transcribe(first.audio).text, first.text))
        assert len(heard & said) >= len(said) / 2
