"""How questions are asked and answers given, in English and Chinese."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence

from assistant.training.nouns import KINDS, Noun
from assistant.training.phrases import ANSWERS, COLOURS_ZH, MANNERS, NUMBERS, OPENINGS, PLACES_ZH, QUESTIONS
from assistant.training.sample import Exchange, Language, Split, Task
from assistant.training.word_lists import words

_FULL_SENTENCE_SHARE = 0.35
_PLAIN_SHARE = 0.6
"""Of questions asked without a word before or after them."""

_IRREGULAR = {
    "mouse": "mice", "goose": "geese", "tooth": "teeth", "foot": "feet", "child": "children", "person": "people",
    "man": "men", "woman": "women", "ox": "oxen", "wolf": "wolves", "knife": "knives", "leaf": "leaves", "loaf": "loaves",
    "half": "halves", "calf": "calves", "shelf": "shelves", "scarf": "scarves", "thief": "thieves", "cactus": "cacti",
    "die": "dice", "woodlouse": "woodlice",
}  # fmt: skip
_UNCHANGED = frozenset(words("same_in_plural"))
_UNCOUNTED = frozenset(words("uncounted"))
_PREPOSITION = re.compile(r" (?:of|by|on|in|at|with) ")
_PLURAL_ENDING = re.compile(r"(?<![suiya])s$")
_AN = re.compile(r"(?!eu|one|ukul)(?:[aeio]|u(?!ni|se|su|ke)|hour|heir|honest|x-ray)", re.IGNORECASE)


def plural(noun: str) -> str:
    """Of an English name: "ears of corn", "mice"."""
    head, rest = _head(noun)
    *before, word = head.split(" ")
    lower = word.lower()
    if lower in _IRREGULAR:
        word = _IRREGULAR[lower]
    elif lower in _UNCHANGED or lower.endswith("fish"):
        pass
    elif re.search(r"(?:s|x|z|ch|sh)$", lower) or lower in ("tomato", "potato", "mango", "volcano", "buffalo", "hero", "mosquito"):
        word += "es"
    elif re.search(r"[^aeiou]y$", lower):
        word = word[:-1] + "ies"
    else:
        word += "s"
    return " ".join([*before, word]) + rest


def countable(noun: str) -> bool:
    """Whether an English name is of one thing that there could be two of: neither "bread" nor "jeans"."""
    head = _head(noun)[0].split(" ")[-1].lower()
    return head not in _UNCOUNTED and (not _PLURAL_ENDING.search(head) or head in ("bus", "lens", "rhinoceros", "cactus"))


def _head(noun: str) -> tuple[str, str]:
    """A name up to its first preposition, and the rest."""
    match = _PREPOSITION.search(noun)
    return (noun[: match.start()], noun[match.start() :]) if match else (noun, "")


def with_article(noun: str) -> str:
    """An English name with "a" or "an" before it; as it is where it cannot be counted."""
    if not countable(noun):
        return noun
    return f"{'an' if _AN.match(noun) else 'a'} {noun}"


def held_out_phrase(phrases: Sequence[str]) -> str:
    """The one of several ways to say a thing that training never hears."""
    return min(phrases, key=lambda phrase: hashlib.sha256(phrase.encode()).digest())


class Wording:
    """One conversation's language and manner. Question forms are split: one of each kind is only asked in the held-out split."""

    def __init__(self, language: Language, rng: random.Random, split: Split) -> None:
        self.language = language
        self.rng = rng
        self._split = split
        self._asked: set[tuple[str, ...]] = set()
        self.repeats = False
        """Whether the exchange made last asked what was asked before, in whatever words."""

    def exchange(self, task: Task, form: str, short: str, full: str | None = None, /, **blanks: str) -> Exchange:
        """A question of a form and its answer, which is a phrase or now and then a sentence.

        Args:
            task: What it asks for.
            form: A key of `QUESTIONS`.
            short: The answer as a phrase.
            full: A key of `ANSWERS`, filled with the blanks and the phrase as `answer`; None has no sentence.
            blanks: What the question's blanks are filled with.
        """
        key = (form, *blanks.values())
        self.repeats = key in self._asked
        self._asked.add(key)
        question = self.rng.choice(self._forms(form)).format(**blanks)
        opening, manner = "", ""
        if self.rng.random() > _PLAIN_SHARE:
            if self.rng.random() < 0.5:
                opening = self.rng.choice(OPENINGS[self.language])
            elif task not in ("caption", "unsure", "chat"):
                manner = self.rng.choice(MANNERS[self.language])
        answer = short
        if full is not None and not manner and self.rng.random() < _FULL_SENTENCE_SHARE:
            answer = self.rng.choice(ANSWERS[self.language][full]).format(answer=short, **blanks)
        return Exchange(opening + question + manner, self.sentence(answer), task)

    def reply(self, full: str, **blanks: str) -> str:
        """A sentence of a form of `ANSWERS`."""
        return self.rng.choice(ANSWERS[self.language][full]).format(**blanks)

    def yes_no(
        self, task: Task, form: str, truth: bool, /, *, yes: str | None = None, no: str | None = None, **blanks: str
    ) -> Exchange:
        """A question to be answered with yes or no; `yes` and `no` name the sentences that may follow, in `ANSWERS`."""
        word = {("en", True): "Yes", ("en", False): "No", ("zh", True): "是的", ("zh", False): "不是"}[self.language, truth]
        if self.language == "zh" and form in ("presence", "presence_kind", "presence_both"):
            word = "有" if truth else "没有"
        return self.exchange(task, form, word, yes if truth else no, **blanks)

    def sentence(self, text: str) -> str:
        """With a capital letter and a full stop."""
        if self.language == "zh":
            return text if text.endswith(("。", "！", "？")) else text + "。"
        text = text[:1].upper() + text[1:]
        return text if text.endswith((".", "!", "?", '"')) else text + "."

    def name(self, noun: Noun, colour: str | None = None) -> str:
        """What a thing is called: "red circle"."""
        if self.language == "zh":
            return (f"{COLOURS_ZH[colour]}的" if colour else "") + (noun.zh or noun.en)
        return f"{colour} {noun.en}" if colour else noun.en

    def one(self, noun: Noun, colour: str | None = None) -> str:
        """As something not spoken of yet: "a red circle"."""
        name = self.name(noun, colour)
        return name if self.language == "zh" else with_article(name)

    def many(self, noun: Noun, colour: str | None = None) -> str:
        """In the plural: "red circles"."""
        name = self.name(noun, colour)
        return name if self.language == "zh" else plural(name)

    def some(self, n: int, noun: Noun, colour: str | None = None) -> str:
        """A number of them: "two red circles"."""
        if n == 1 and self.language == "en":
            return self.one(noun, colour)
        return (
            f"{self.number(n)}个{self.name(noun, colour)}"
            if self.language == "zh"
            else f"{self.number(n)} {self.many(noun, colour)}"
        )

    def kind(self, kind: str) -> str:
        """A kind of things."""
        return KINDS[kind] if self.language == "zh" else kind

    def a_kind(self, kind: str) -> str:
        """Something of a kind, not spoken of yet."""
        if self.language == "zh":
            return KINDS[kind]
        return kind if kind in ("food", "fruit") else with_article(kind)

    def colour(self, colour: str) -> str:
        """A colour's name."""
        return f"{COLOURS_ZH[colour]}" if self.language == "zh" else colour

    def number(self, n: int) -> str:
        """Up to twelve in words; in Chinese as one counts things with it."""
        return NUMBERS[self.language][n] if n < len(NUMBERS[self.language]) else str(n)

    def place(self, place: str) -> str:
        """As `types.place_of` says it: "top left"."""
        return PLACES_ZH[place] if self.language == "zh" else place

    def at_place(self, place: str) -> str:
        """Where in the picture: "in the top left"."""
        if self.language == "zh":
            return PLACES_ZH[place]
        return {"center": "in the center", "left": "on the left", "right": "on the right"}.get(place, f"at the {place}")

    def listed(self, items: Sequence[str]) -> str:
        """One after the other: "a, b and c"."""
        if self.language == "zh":
            return items[0] if len(items) == 1 else "、".join(items[:-1]) + "和" + items[-1]
        return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]

    def _forms(self, form: str) -> Sequence[str]:
        forms = QUESTIONS[self.language][form]
        secret = held_out_phrase(forms)
        return [secret] if self._split == "held-out" and len(forms) > 1 else [x for x in forms if x != secret] or forms
