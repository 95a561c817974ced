"""What the experts say to the very things that a question asks for. A language model need not find them among all that was seen.

Unasked, an expert reports only what it is sure of. Asked for one thing, it may say what it is half sure of, and that it saw none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from assistant.types import Evidence, Label, Region
from assistant.vision.colour import COLOURS
from assistant.vision.kinds import SHAPES, broader, in_english, is_known, plain
from assistant.vision.layout import at_place, is_on_side, neighbour, outermost, related, with_article
from assistant.vision.question import LONGEST, SHOWN, THING, meant, sentences
from assistant.vision.reading import read_for

_SEEING = re.compile(
    r"\b(?:is|are|was|were) there\b|\bhow many\b|\bwhere\b|\bcolou?rs?\b|\b(?:see|seen|visible|shown?|shows|look|looks|smil\w+)\b"
    r"|\b(?:picture|photo|image|pic|it|left|right|above|below|top|bottom|(?:big|larg|small)(?:g?est)|line|written|text)\b"
    r"|图|照片|相片|有没有|几|多少|哪|颜色|看",
    re.IGNORECASE,
)
"""In words without a picture, what may ask about the last one."""
_SMILING = re.compile(
    r"\b(?:is|are|does|do|who|anyone|anybody|someone|everyone|he|she|they)\b.{0,40}\b(?:smil(?:e|es|ing)|laugh(?:s|ing)|grinning)\b"
    r"|\bhow many\b.{0,20}\bsmil(?:e|es|ing)\b|(?:谁|人|在).{0,6}(?<!玩)笑|(?<!玩)笑[了着]?吗",
    re.IGNORECASE,
)
_OTHER_PICTURE = re.compile(
    r"\b(?:first|second|third|other|earlier|previous|former|both|all)\b.{0,20}\b(?:picture|photo|image|pic|one)s?\b"
    r"|\b(?:picture|photo|image) (?:\d|one|two|three)\b|第.张|上一张|前一张|另一张",
    re.IGNORECASE,
)
_COUNTING = re.compile(r"\b(?:how many|count|number of)\b|几|多少", re.IGNORECASE)
_ANYTHING = re.compile(r"\b(?:things?|objects?|shapes?|items?|figures?)\b|东西|物体|形状", re.IGNORECASE)
_NAMING = re.compile(
    r"\bwhat(?:['’]s| is| are) (?:this|that|it|these|those|shown|(?:in|on) (?:the|this|that|my) (?:\w+ )?(?:picture|photo|image))\b"
    r"|\bwhat (?:(?:do|can) you|you(?: can)?) see\b|\bwhat does (?:it|(?:the|this|that|my) \w+) show\b"
    r"|\bname (?:it|this|that|what)\b"
    r"|(?:是|有|看到)(?:了)?什么",
    re.IGNORECASE,
)
"""What asks for a name rather than for a thing named."""
_DESCRIBING = re.compile(
    r"\b(?:describe|caption|summari[sz]e)\b|\bwhat(?:['’]s| is) (?:going on|happening)\b"
    r"|\btell me (?:all )?about (?:it|the|this|my)\b|描述|介绍",
    re.IGNORECASE,
)
_NAME_CONFIDENCE, _SURE_CONFIDENCE = 0.5, 0.8
_POSSESSIVE = re.compile(r"\b\w+['’]s\b")
"""A "woman's hat" asks for no woman."""
_WHETHER = re.compile(
    r"(?:(?:(?:is|are) there|(?:can|could|do) you (?:also )?(?:see|spot|find|notice)"
    r"|does (?:it|(?:the|this) (?:picture|photo|image|pic)) (?:show|contain|have)) (?:a |an |any |some |the )?"
    rf"|is (?:it|this|that) (?:a |an |the )){THING}{SHOWN}"
    r"|(?:这?张?(?:图片?|照片|画面))?[里中上面]*(?:你?能?看[到见])?有(?:没有)?\s*(?P<zh>[\w ]{1,40}?)\s*吗?"
)
"""Asks whether a thing is there and nothing more."""
_THINGS = ("thing", "one", "object", "shape", "part")
"""After a colour: an "orange thing" is no fruit."""
_MOST_ASKED, _MOST_TOLD = 4, 6


@dataclass(frozen=True, slots=True)
class _Asked:
    """A thing that a question speaks of."""

    name: str
    """"" where only the colour is said: "the red one"."""
    colour: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.colour, self.name or "thing") if part)

    def fits(self, region: Region) -> bool:
        """Whether a region may be meant."""
        return (not self.name or is_a(region.name, self.name)) and self.colour in ("", region.colour)


def asked_about(question: str, evidence: Sequence[Evidence], numbers: Sequence[int]) -> str:
    """One more note, "" where the question asks for nothing that an expert could tell.

    Args:
        question: The user's words.
        evidence: Of the pictures of the conversation, oldest first.
        numbers: In the conversation, of those that came with the question; without any, it may be about the last one.
    """
    if not evidence or len(question) > LONGEST or not (numbers or _SEEING.search(question)):
        return ""
    if not numbers and len(evidence) > 1 and _OTHER_PICTURE.search(question):
        return ""
    asked = tuple(_asked(question))[:_MOST_ASKED]
    told = [_told(question, asked, item) for item in evidence[-(len(numbers) or 1) :]]
    if len(told) > 1:
        told = [said and f"In picture {number}: {said}" for number, said in zip(numbers, told, strict=True)]
    notes = [said for said in told if said]
    return f"[{' '.join(notes)}]" if notes else ""


def is_a(name: str, thing: str) -> bool:
    """Whether what an expert calls `name` is what a text calls `thing`, which is `plain`."""
    return plain(name) == thing or thing in broader(name)


def _told(question: str, asked: Sequence[_Asked], evidence: Evidence) -> str:
    if read := "" if evidence.read_later and not evidence.text_lines else read_for(question, evidence.text_lines):
        return read  # the words of a sign name no thing that is there
    facts = _of_things(question, asked, evidence) if asked else _of_all(question, evidence)
    if evidence.faces and _SMILING.search(question):
        facts.append(_smiles(evidence.faces))
    counting = _COUNTING.search(question)
    if counting and _ANYTHING.search(question, counting.end()) and _is_drawing(evidence):
        facts.append(f"There are {len(evidence.regions)} things." if len(evidence.regions) > 1 else "There is one thing.")
    return " ".join(facts)


def _of_things(question: str, asked: Sequence[_Asked], evidence: Evidence) -> list[str]:
    matches = [[region for region in evidence.regions if one.fits(region)] for one in asked]
    if len(asked) == 1:
        name, fitting = str(asked[0]), matches[0]
        for one in sentences(question):
            where = outermost(one, evidence.regions, name, fitting)
            where = where or (neighbour(one, name, fitting[0], evidence.regions) if len(fitting) == 1 else "")
            if where:
                return [where]
    found = [(answer, fact) for answer, fact in (_fact(one, evidence) for one in asked) if fact]
    if len(asked) == len(found) == 1 and (answer := found[0][0]) is not None and _is_whether(question, asked[0]):
        fact = found[0][1]  # said first, as a small model may say yes to what a note denies
        return [f"{'Yes' if answer else 'No'}, {fact[0].lower()}{fact[1:]}"]
    facts = [fact for _, fact in found]
    single = [(str(one), regions[0]) for one, regions in zip(asked, matches, strict=True) if len(regions) == 1]
    if len(single) == 2 and single[0][1] is not single[1][1]:
        answers = [said for one in sentences(question) if (said := is_on_side(one, *single))]
        return answers[:1] or [*facts, *related(*single)]
    return facts


def _is_whether(question: str, asked: _Asked) -> bool:
    forms = (_WHETHER.fullmatch(one) for one in sentences(question))
    return any(form and meant(next(word for word in form.groups() if word), str(asked)) for form in forms)


def _of_all(question: str, evidence: Evidence) -> list[str]:
    """Facts for a question that names no thing."""
    for one in sentences(question):
        where = outermost(one, evidence.regions) or at_place(one, evidence.regions, whole=_is_drawing(evidence))
        if where:
            return [where]
    describing = bool(_DESCRIBING.search(question))
    return list(_overview(evidence, describing)) if describing or _NAMING.search(question) else []


def _smiles(faces: Sequence[Region]) -> str:
    smiles = sum("smil" in face.name for face in faces)
    if len(faces) == 1:
        return f"The one face seen {'smiles' if smiles else 'does not smile'}."
    return f"{smiles or 'None'} of the {len(faces)} faces seen {'smile' if smiles > 1 else 'smiles'}."


def _fact(asked: _Asked, evidence: Evidence) -> tuple[bool | None, str]:
    """Whether a thing is there, None where nobody can say, and what is to be told of it, which may be nothing."""
    if regions := [region for region in evidence.regions if asked.fits(region)]:
        if len(regions) == 1 and not asked.name:
            return True, f"The {asked} is {with_article(regions[0].name)}."
        return True, _seen(str(asked), [_where(region, asked) for region in regions])
    # who looked at a drawing saw all of it; in a photo a detector overlooks some
    none = f"There is no {asked}." if _is_drawing(evidence) else f"No {asked} was found."
    if not asked.name:
        return (False, none) if _is_drawing(evidence) else (None, "")
    if others := [region for region in evidence.regions if asked.colour and is_a(region.name, asked.name)]:
        return False, f"{none} {_seen(asked.name, [_where(region, _Asked(asked.name, '')) for region in others])}"
    if labels := [label for label in evidence.labels if is_a(label.name, asked.name)]:
        return True if labels[0].confidence >= _NAME_CONFIDENCE else None, f"There is {_sure(labels[0])}."
    if wider := [region for region in evidence.regions if region.name in broader(asked.name)]:
        return None, _seen(wider[0].name, [_where(region, _Asked(region.name, "")) for region in wider])
    if any(is_a(label.name, asked.name) for label in evidence.glimpses):
        return None, f"There is probably one {asked}, not seen clearly."
    if evidence.faces and ("person" in broader(asked.name) or asked.name == "person"):
        return None, ""  # somebody is there
    return (False, none) if _can_be_denied(asked.name, evidence) else (None, "")


def _overview(evidence: Evidence, describing: bool) -> Iterator[str]:
    """What the whole picture is of: a sure name, and what else was found where it is to be described or nothing is sure.

    Where there is but one thing to say, the picture's own note has said it.
    """
    best = () if _is_drawing(evidence) else evidence.labels[:1]
    sure = bool(best) and best[0].confidence >= _NAME_CONFIDENCE
    counts = Counter(region.name for region in evidence.regions if not any(is_a(label.name, plain(region.name)) for label in best))
    things = [f"{count} of {name}" if count > 1 else f"one {name}" for name, count in counts.items()]
    if things and (describing or not sure):
        yield f"There {'are' if len(things) > 1 or max(counts.values()) > 1 else 'is'} {', '.join(things)}."
    if evidence.regions or len(evidence.labels) > 1:
        for label in best:
            likely = "is" if label.confidence >= _SURE_CONFIDENCE else "is most likely" if sure else "may be"
            yield f"The main thing {likely} {with_article(label.name)}."


def _seen(name: str, places: Sequence[str]) -> str:
    if len(places) == 1:
        return f"There is one {name}: {places[0]}."
    return f"There are {len(places)} of {name}: {'; '.join(places[:_MOST_TOLD])}."


def _where(region: Region, asked: _Asked) -> str:
    told = region.colour if asked.name and not asked.colour else region.name if not asked.name else ""
    return ", ".join(part for part in (told, f"at the {region.place}") if part)


def _sure(label: Label) -> str:
    return f"{with_article(label.name)} ({label.confidence:.0%} sure)"


def _asked(question: str) -> Iterator[_Asked]:
    """The things a question names, each once, with the colour before its name."""
    words = _names(question)
    seen = set()
    for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        if word in _colours() and _is_thing(after):
            continue  # the colour of what comes next
        if word in _colours() and (after in _THINGS or not _is_thing(word)):
            one = _Asked("", word)
        elif _is_thing(word):
            one = _Asked(word, before if before in _colours() else "")
        else:
            continue
        if one not in seen:
            seen.add(one)
            yield one


def _names(question: str) -> tuple[str, ...]:
    """Words, and names of several words as one: a "teddy bear" is no bear."""
    words = plain(in_english(_POSSESSIVE.sub(" ", question))).split()
    names: list[str] = []
    start = 0
    while start < len(words):
        length = next((n for n in (3, 2) if _is_thing(" ".join(words[start : start + n]))), 1)
        names.append(" ".join(words[start : start + length]))
        start += length
    return tuple(names)


def _is_drawing(evidence: Evidence) -> bool:
    """Shapes, and nothing that an encoder of photos is sure of: in a photo an edge may look like a rectangle."""
    sure = bool(evidence.labels) and evidence.labels[0].confidence >= _NAME_CONFIDENCE
    return not sure and any(region.name in SHAPES for region in evidence.regions)


def _can_be_denied(name: str, evidence: Evidence) -> bool:
    """Whether an expert that knows such things looked and saw none."""
    if name in SHAPES:
        return _is_drawing(evidence)
    return name in detected() or bool(broader(name) & detected())


def _is_thing(word: str) -> bool:
    return word in SHAPES or word in detected() or word in _kinds_of_things() or (is_known(word) and word not in _colours())


@cache
def detected() -> frozenset[str]:
    """The things that the detector knows, in `plain` words."""
    lines = resources.files("assistant.vision").joinpath("coco_labels.txt").read_text("utf-8").splitlines()
    return frozenset(plain(line) for line in lines[1:] if line)


@cache
def _kinds_of_things() -> frozenset[str]:
    return frozenset(kind for name in detected() for kind in broader(name))


@cache
def _colours() -> frozenset[str]:
    return frozenset(name.split()[-1] for name in COLOURS)
