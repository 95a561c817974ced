"""Where the regions of a picture lie: in which part of it, outermost, beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import hypot

from assistant.types import Region

_PLACE = re.compile(
    r"\b(?:in|at|on|to|near) the (?:(?:very|far|extreme) )?(?:"
    r"(?P<row>top|upper|bottom|lower)(?:[- ]?(?P<column>left|right))?(?: corner| side| edge| half| part| of)?\b(?![- ]most)"
    r"|(?P<side>left|right)(?:(?:[- ]hand)? side| edge| half| part| corner)?\b(?! of| hand)(?![- ]most)"
    r"|(?P<middle>middle|cent(?:re|er))\b)"
    r"|(?P<zh>[左右][上下]|[上下左右](?=面|边|角|方)|中间|中央)",
    re.IGNORECASE,
)
"""What asks for what is in a part of the picture."""
_FURTHEST = re.compile(
    r"\b(?:furthest|farthest|most)(?: to)?(?: the| towards the)? (?P<side>left|right|up|top|down|bottom)\b"
    r"|\b(?P<most>left|right|top|bottom|upper|lower)[- ]?most\b|\b(?P<high>high|low)est\b|\b(?P<size>bigg|larg|small|littl)est\b"
    r"|最(?P<zh>[左右上下大小])",
    re.IGNORECASE,
)
"""What asks for the one at the edge, or for the biggest."""
_BESIDE = re.compile(
    r"\b(?:what|which|who)\b.*?\b(?P<direction>left of|right of|above|over|below|under|underneath)\b"
    r"|(?P<zh>[左右上下])[边面方](?:的|是|有).*(?:什么|哪)",
    re.IGNORECASE,
)
"""What asks for the neighbour of a thing."""
_SIDES = {"up": "top", "upper": "top", "high": "top", "down": "bottom", "lower": "bottom", "low": "bottom"}
_SIDES |= {"左": "left", "右": "right", "上": "top", "下": "bottom", "bigg": "biggest", "larg": "biggest", "大": "biggest"}
_SIDES |= {"small": "smallest", "littl": "smallest", "小": "smallest"}
_SIDES |= {"left of": "left", "right of": "right", "above": "top", "over": "top"}
_SIDES |= dict.fromkeys(("below", "under", "underneath"), "bottom")
_TOWARDS = {"left": "furthest to the left", "right": "furthest to the right", "top": "furthest up", "bottom": "furthest down"}
_OF = {"left": "to the left of", "right": "to the right of", "top": "above", "bottom": "below"}
_APART = 0.05
"""Of a picture's side: middles nearer than this are neither left nor right of each other."""
_BIGGER = 1.3


def at_place(question: str, regions: Sequence[Region], *, whole: bool) -> str:
    """What was found in the part of the picture that a question asks for; "" where it asks for none.

    Args:
        question: The user's words.
        regions: Of the picture.
        whole: Whether there is nothing else in it.
    """
    found = _PLACE.search(question)
    if not found:
        return ""
    if found["zh"]:
        sides = {_SIDES.get(character, "") for character in found["zh"]}
        row, column = next(iter(sides & {"top", "bottom"}), ""), next(iter(sides & {"left", "right"}), "")
    else:
        row, column = (found["row"] or "").lower(), (found["column"] or found["side"] or "").lower()
    place = f"{_SIDES.get(row, row)} {column}".strip() or "center"
    there = [region for region in regions if region.place == place]
    if not there and " " not in place:  # nothing is in the middle of that side
        there = [region for region in regions if place in region.place.split()]
    if there:
        return f"At the {place}: {', '.join(with_article(region.title) for region in there)}."
    return f"There is nothing at the {place}." if whole else f"No thing was found at the {place}."


def outermost(question: str, regions: Sequence[Region]) -> str:
    """Which one is furthest to a side, or the biggest; "" where a question asks for none or two are about as far."""
    found = _FURTHEST.search(question)
    if not found or len(regions) < 2:
        return ""
    word = next(word for word in found.groupdict().values() if word).lower()
    side = _SIDES.get(word, word)
    if side in _TOWARDS:
        best, second = sorted(regions, key=lambda region: _inset(region, side))[:2]
        clear = _inset(second, side) - _inset(best, side) > _APART
    else:
        best, second = sorted(regions, key=_area, reverse=side == "biggest")[:2]
        clear = max(_area(best), _area(second)) > _BIGGER * min(_area(best), _area(second))
    return f"The {best.title} is {_TOWARDS.get(side, f'the {side}')}." if clear else ""


def beside(question: str, name: str, region: Region, regions: Sequence[Region]) -> str:
    """The nearest thing on the side of another that a question asks for; "" where it asks for none or there is none.

    Args:
        question: The user's words.
        name: What it calls the other thing.
        region: The other thing.
        regions: Of the picture.
    """
    found = _BESIDE.search(question)
    if not found:
        return ""
    word = (found["direction"] or found["zh"]).lower()
    side = _SIDES[word]
    there = [one for one in regions if _inset(region, side) - _inset(one, side) > _APART]
    if not there:
        return f"No thing was found {_OF[side]} the {name}."
    nearest = min(there, key=lambda one: hypot(*(a - b for a, b in zip(_middle(one), _middle(region), strict=True))))
    return f"{_OF[side].capitalize()} the {name}: {with_article(nearest.title)}."


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
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _inset(region: Region, side: str) -> float:
    across, down = _middle(region)
    return {"left": across, "right": -across, "top": down, "bottom": -down}[side]


def _middle(region: Region) -> tuple[float, float]:
    return (region.left + region.right) / 2, (region.top + region.bottom) / 2


def _area(region: Region) -> float:
    return (region.right - region.left) * (region.bottom - region.top)
