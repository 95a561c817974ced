"""Mandarin to the phonemes Kokoro was trained on: words by jieba, readings by pypinyin, then IPA with tone arrows.

The alphabet is that of misaki's Mandarin module, itself adapted from pinyin-to-ipa (MIT); every syllable pypinyin knows
gives the same phonemes here. Sources: Duanmu, The Phonology of Standard Chinese, 2nd ed. 2007; Lin, The Sounds of Chinese, 2007.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import rjieba
from pypinyin import Style, lazy_pinyin

_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x", "j": "ʨ",
    "q": "ʨʰ",
    "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
# "0" is where the tone goes.
_FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ", "i": "i0",
    "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n", "iu": "jou0", "ing": "i0ŋ",
    "iong": "jʊ0ŋ",
    "ong": "ʊ0ŋ", "ou": "ou0", "u": "u0", "ui": "wei0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "un": "wə0n", "uang": "wa0ŋ",
    "ueng": "wə0ŋ", "uo": "wo0", "o": "wo0", "ü": "y0", "üe": "ɥe0", "üan": "ɥɛ0n", "ün": "y0n",
}  # fmt: skip
_WHOLE = {
    "er": "ɚ0",
    "o": "ɔ0",
    "io": "jɔ0",
    "yo": "wo0",
    "wong": "ʊ0ŋ",
    "ê": "ɛ0",
    "m": "m0",
    "n": "n0",
    "ng": "ŋ0",
    "hm": "hm0",
    "hng": "hŋ0",
}
_GLIDES = {"yi": "i", "yu": "ü", "y": "i", "wu": "u", "w": "u"}
_RESPELLED = {"iou": "iu", "uei": "ui", "uen": "un", "iü": "ü"}
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}

_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs]?)(.+)")
_RUN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[A-Za-z][A-Za-z'’ -]*|[^\u3400-\u9fff\uf900-\ufaffA-Za-z]+")
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_MARKS = {
    "、": ", ", "，": ", ", "。": ". ", "．": ". ", "！": "! ", "：": ": ", "；": "; ", "？": "? ", "「": " “", "」": "” ",
    "『": " “", "』": "” ",
    "《": " “", "》": "” ", "«": " “", "»": "” ", "【": " “", "】": "” ", "（": " (", "）": ") ", "·": " ",
}  # fmt: skip
_MARKED = str.maketrans(_MARKS)


def syllable_phonemes(pinyin: str) -> str:
    """The phonemes of one syllable in tone-number spelling ("zhong1"), empty when it is no Mandarin syllable."""
    letters, tone = pinyin[:-1].replace("v", "ü"), pinyin[-1:]
    if tone not in _TONES:
        return ""
    if letters in _WHOLE:
        return _WHOLE[letters].replace("0", _TONES[tone])
    for glide, vowel in _GLIDES.items():
        if letters.startswith(glide):
            letters = vowel + letters.removeprefix(glide)
            break
    match = _SYLLABLE.fullmatch(letters)
    if match is None:
        return ""
    initial, final = match.groups()
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "ü" + final[1:]
    final = _RESPELLED.get(final, final)
    if final not in _FINALS:
        return ""
    # After these initials "i" is the initial held, not a vowel.
    sound = "ɨ0" if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s") else _FINALS[final]
    return _INITIALS[initial] + sound.replace("0", _TONES[tone])


def mandarin_phonemes(text: str, foreign: Callable[[str], str]) -> str:
    """The phonemes of Mandarin text; words in Latin letters are read by `foreign`, characters without a reading are left out."""
    read = []
    for run in _RUN.findall(text.translate(_DIGITS)):
        if run[0].isascii() and run[0].isalpha():
            read.append(f" {foreign(run.strip())} ")
        elif "\u3400" <= run[0] <= "\u9fff" or "\uf900" <= run[0] <= "\ufaff":
            read.append(" ".join(_word(word) for word in rjieba.cut(run)))
        else:
            read.append(run.translate(_MARKED))
    return re.sub(r"\s+(?=[,.!?;:]|\s|$)", "", "".join(read)).strip()


def _word(word: str) -> str:
    pinyins = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    return "".join(syllable_phonemes(pinyin) for pinyin in pinyins)
