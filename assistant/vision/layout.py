"""Where the regions of a picture lie: in which part of it, outermost, beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import hypot

from assistant.types import PLACE_BOUNDS, Region
from assistant.vision.kinds import plain
from assistant.vision.question import SHOWN, THING, meant

_WHAT = r"(?:what|who|which|which (?:thing|one|object|shape|item))(?:['’]s| is| are| do you see| can you see| lies| is there)?"
_PLACE = re.compile(
    rf"(?:{_WHAT}|what you see|is there (?:anything|something)) (?:in|at|on|to|near) the (?:very )?"
    r"(?:(?P<row>top|upper|bottom|lower)(?:[- ](?P<column>left|right))?"
    r"|(?P<side>left|right)(?:-hand| hand(?= (?:side|corner|edge|half|part)))?|middle|cent(?:re|er))"
    rf"(?: corner| side| edge| half| part)?{SHOWN}"
    r"|(?:图片?|照片|画面)?[的里中上]*(?P<zh>[左右][上下]|[上下左右](?=[面边角方部])|中间|中央)[面边角方部]?[是有](?:什么|谁|哪个)(?:东西)?"
)
"""Asks for what is in a part of the picture."""
_FURTHEST = re.compile(
    r"(?:what|which|who)(?:['’]s| is)?(?: the)?(?: (?P<noun>[\w -]{1,30}?))??(?: is| lies| do you see| you see| that is)?(?: the)?"
    r" (?:(?:furthest|farthest)(?: to)?(?: the)? (?P<side>left|right|up|top|down|bottom)"
    r"|(?P<most>left|right|top|bottom|upper|lower)[- ]?most|(?P<high>high|low)est|(?P<size>bigg|larg|small|littl)est)"
    rf"(?: (?P<after>[\w -]{{1,30}}?))??(?: is)?(?: (?:you|do you|can you) see)?{SHOWN}"
    r"|(?:图片?|照片|画面)?[的里中上]*最(?P<zh>[左右上下](?=[边面方])|[大小])[边面方]?(?:的)?\s*(?:东西|物体|形状)?是(?:什么|谁|哪个)"
)
"""Asks for the one at the edge, or for the biggest."""
_NEIGHBOUR = re.compile(
    rf"{_WHAT} (?P<direction>(?:to the )?(?:left|right) of|above|over|below|beneath|under|underneath)"
    rf" (?:the|a|an|my|that|this) {THING}{SHOWN}"
    r"|(?P<zh_thing>[\w ]{1,40}?)\s*(?P<zh>[左右上下])[边面方][是有](?:什么|谁|哪个)(?:东西)?"
)
"""Asks for what is beside a thing."""
_SIDE_OF = re.compile(
    r"(?:(?:is|would you say|is it true that|can you check whether|check whether) )?the (?P<thing>[\w'’ -]{1,40}?) (?:is )?"
    r"(?P<direction>(?:to the )?(?:left|right) of|above|over|below|beneath|under|underneath)"
    rf" the (?P<other>[\w'’ -]{{1,40}}?)(?:, right)?{SHOWN}"
)
"""Asks whether one thing is on a side of another."""
_ANYTHING = frozenset(("", "thing", "one", "object", "shape", "item", "figure"))
_SIDES = {
    **{"up": "top", "upper": "top", "high": "top", "above": "top", "over": "top", "上": "top"},
    **{"down": "bottom", "lower": "bottom", "low": "bottom", "below": "bottom", "beneath": "bottom", "下": "bottom"},
    **{"under": "bottom", "underneath": "bottom", "左": "left", "右": "right"},
    **{"bigg": "biggest", "larg": "biggest", "大": "biggest", "small": "smallest", "littl": "smallest", "小": "smallest"},
}
_TOWARDS = {"left": "furthest to the left", "right": "furthest to the right", "top": "furthest up", "bottom": "furthest down"}
_OF = {"left": "to the left of", "right": "to the right of", "top": "above", "bottom": "below"}
_APART = 0.05
"""Of a picture's side: middles nearer than this are neither left nor right of each other."""
_BIGGER = 1.3
_MOST_TOLD = 6
_VOWEL = re.compile(r"(?!one\b)(?:[aio]|e(?!u)|u(?!ni|sb)|hour)", re.IGNORECASE)


def at_place(question: str, regions: Sequence[Region], *, whole: bool) -> str:
    """What was found in the part of the picture that a question asks for; "" where it asks for none, or something reaches into it.

    Args:
        question: One of `sentences`.
        regions: Of the picture.
        whole: Whether there is nothing else in it.
    """
    found = _PLACE.fullmatch(question)
    if not found:
        return ""
    if found["zh"]:
        sides = {_SIDES.get(character, "") for character in found["zh"]}
        row, column = next(iter(sides & {"top", "bottom"}), ""), next(iter(sides & {"left", "right"}), "")
    else:
        row, column = found["row"] or "", found["column"] or found["side"] or ""
    place = f"{_SIDES.get(row, row)} {column}".strip() or "center"
    there = [one for one in regions if (place == one.place if " " in place or place == "center" else place in one.place.split())]
    if there:
        return f"At the {place}: {', '.join(with_article(one.title) for one in there[:_MOST_TOLD])}."
    if not regions or any(_reaches(one, place) for one in regions):
        return ""
    return f"There is nothing at the {place}." if whole else f"No thing was found at the {place}."


def outermost(question: str, regions: Sequence[Region], thing: str = "", fitting: Sequence[Region] = ()) -> str:
    """Which one is furthest to a side, or the biggest; "" where a question asks for none or two are about as far.

    Args:
        question: One of `sentences`.
        regions: Of the picture.
        thing: The one kind of thing that the question names.
        fitting: The regions that are such.
    """
    found = _FURTHEST.fullmatch(question)
    if not found:
        return ""
    noun = plain(" ".join(found[part] or "" for part in ("noun", "after")))
    among = regions if noun in _ANYTHING else fitting if thing and meant(noun, thing) else ()
    if len(among) < 2:
        return ""
    word = next(found[part] for part in ("side", "most", "high", "size", "zh") if found[part])
    side = _SIDES.get(word, word)
    if side in _TOWARDS:
        best, second = sorted(among, key=lambda region: _inset(region, side))[:2]
        clear = _inset(second, side) - _inset(best, side) > _APART
    else:
        best, second = sorted(among, key=_area, reverse=side == "biggest")[:2]
        clear = max(_area(best), _area(second)) > _BIGGER * min(_area(best), _area(second))
    return f"The {best.title} is {_TOWARDS.get(side, f'the {side}')}." if clear else ""


def neighbour(question: str, name: str, region: Region, regions: Sequence[Region]) -> str:
    """The nearest thing on the side of another that a question asks for; "" where it asks for none.

    Args:
        question: One of `sentences`.
        name: What it calls the other thing.
        region: The other thing.
        regions: Of the picture.
    """
    found = _NEIGHBOUR.fullmatch(question)
    if not found or not meant(found["thing"] or found["zh_thing"], name):
        return ""
    side = _side(found["zh"] or found["direction"])
    there = [one for one in regions if _inset(region, side) - _inset(one, side) > _APART]
    if not there:
        return f"No thing was found {_OF[side]} the {name}."
    nearest = min(there, key=lambda one: hypot(*(a - b for a, b in zip(_middle(one), _middle(region), strict=True))))
    return f"{_OF[side].capitalize()} the {name}: {with_article(nearest.title)}."


def is_on_side(question: str, one: tuple[str, Region], other: tuple[str, Region]) -> str:
    """Whether one of two things is on the side of the other that a question asks about; "" where it asks for no such thing or it
    is not clear.

    Args:
        question: One of `sentences`.
        one: What the question calls the first, and where it is.
        other: The second.
    """
    found = _SIDE_OF.fullmatch(question)
    if not found or not meant(found["thing"], one[0]) or not meant(found["other"], other[0]):
        return ""
    side = _side(found["direction"])
    further = _inset(other[1], side) - _inset(one[1], side)
    answers = f"the {one[0]} is {{}}{_OF[side]} the {other[0]}."
    return f"Yes, {answers.format('')}" if further > _APART else f"No, {answers.format('not ')}" if further < -_APART else ""


def related(one: tuple[str, Region], other: tuple[str, Region]) -> Iterator[str]:
    """On which side of each other two things are, by what they are called, and which is bigger; what is not clear is left out."""
    (name, first), (other_name, second) = one, other
    across, down = (a - b for a, b in zip(_middle(first), _middle(second), strict=True))
    sides = [_OF["left" if across < 0 else "right"]] * (abs(across) > _APART)
    sides += [_OF["top" if down < 0 else "bottom"]] * (abs(down) > _APART)
    if sides:
        yield f"The {name} is {' and '.join(sides)} the {other_name}."
    sizes = (_area(first), _area(second))
    if max(sizes) > _BIGGER * min(sizes):
        yield f"The {name if sizes[0] > sizes[1] else other_name} is bigger."


def with_article(name: str) -> str:
    """A name with "a" or "an"."""
    return f"{'an' if _VOWEL.match(name) else 'a'} {name}"


def _reaches(region: Region, place: str) -> bool:
    """Whether a box covers some of a part of the picture without having its middle there."""
    first, last = PLACE_BOUNDS
    parts = {"left": (0.0, first), "top": (0.0, first), "right": (last, 1.0), "bottom": (last, 1.0)}
    named = place.split()
    elsewhere = PLACE_BOUNDS if place == "center" else (0.0, 1.0)
    across = next((parts[side] for side in named if side in ("left", "right")), elsewhere)
    down = next((parts[side] for side in named if side in ("top", "bottom")), elsewhere)
    return region.left < across[1] and region.right > across[0] and region.top < down[1] and region.bottom > down[0]


def _side(direction: str) -> str:
    word = direction.removeprefix("to the ").removesuffix(" of")
    return _SIDES.get(word, word)


def _inset(region: Region, side: str) -> float:
    across, down = _middle(region)
    return {"left": across, "right": -across, "top": down, "bottom": -down}[side]


def _middle(region: Region) -> tuple[float, float]:
    return (region.left + region.right) / 2, (region.top + region.bottom) / 2


def _area(region: Region) -> float:
    return (region.right - region.left) * (region.bottom - region.top)
