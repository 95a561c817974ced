"""Which language a text is written in."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
)
_LETTERS = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
# fmt: off
_CANDIDATES = [
    "en", "zh", "es", "fr", "de", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "hu", "ro", "tr", "vi", "id",
    "ru", "uk", "bg", "el", "ar", "he", "fa", "hi", "th", "ja", "ko",
]
# fmt: on
_LONGEST_CHARACTERS = 2000
_FEWEST_LETTERS = 10
_MARGIN_NATS = 8.0
"""How much likelier than English a Latin-script text must be: "Pizza please" is not Italian."""


def identify_language(text: str, *, default: str = "en") -> str:
    """The ISO 639-1 code of the text's language.

    Scripts decide where they can; a Latin-script text is `default` unless it is long enough and clearly something else.
    """
    text = text[:_LONGEST_CHARACTERS]
    letters = len(_LETTERS.findall(text))
    for code, script in _SCRIPTS:
        # one Han word in an English sentence does not make it Chinese; a Han character says as much as two letters
        if 2 * len(script.findall(text)) > letters / 2:
            return code
    latin = len(_LATIN.findall(text))
    if letters == 0 or (latin > letters / 2 and letters < _FEWEST_LETTERS):
        return default
    scores = dict(_classify(text))
    best = max(scores, key=lambda code: scores[code])
    if latin > letters / 2 and scores[best] - scores.get(default, float("-inf")) < _MARGIN_NATS:
        return default
    return best


def _classify(text: str) -> list[tuple[str, float]]:
    return [(str(code), float(score)) for code, score in _identifier().rank(text)]


@cache
def _identifier() -> LanguageIdentifier:
    """The model of the candidates alone: made anew from its restricted tables, it lets go of those of all 140 languages, 27 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    model.set_languages(_CANDIDATES)
    return LanguageIdentifier(model.nb_ptc, model.nb_pc, model.nb_classes, model.tk_nextmove, model.tk_output, tk_row=model.tk_row)
