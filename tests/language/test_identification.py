import pytest

from assistant.language.identification import identify_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is in this picture?", "en"),
        ("这是什么?", "zh"),
        ("我的iPhone坏了,怎么办?", "zh"),
        ("これは何ですか", "ja"),
        ("이것은 무엇입니까", "ko"),
        ("¿Dónde está mi pedido, por favor?", "es"),
        ("Bonjour, comment allez-vous aujourd'hui ?", "fr"),
        ("Wo ist meine Bestellung geblieben?", "de"),
        ("Привет, как дела?", "ru"),
        ("Hi", "en"),
        ("ok", "en"),
        ("Pizza please", "en"),
        ("How do you say 谢谢 in English?", "en"),
        ("", "en"),
        ("12345 !?", "en"),
    ],
)
def test_the_language_is_found(text: str, language: str) -> None:
    assert identify_language(text) == language


def test_a_long_text_is_judged_by_its_start() -> None:
    assert identify_language("Where is the library? " * 100_000) == "en"
