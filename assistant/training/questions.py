"""Questions about a scene, with answers that its own record proves: a family of questions is a function that asks one of them.

A family draws from chance what it asks about and gives None where the scene offers nothing. Of questions with two answers each
is wanted equally often, before anything else is drawn: what is asked about then tells nothing about the answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from assistant.training.nouns import KINDS, Noun, surely_not
from assistant.training.phrases import DIRECTIONS, SIDES
from assistant.training.sample import Exchange
from assistant.training.scene import Reference, Scene, Thing
from assistant.training.wording import Wording

Family: TypeAlias = Callable[[Scene, Wording, random.Random], Exchange | None]

_CLEARLY_APART = 0.08
"""Of the picture's side: two middles nearer than this are neither left nor right of each other."""
_CLEARLY_BIGGER = 1.5


def ask(
    scene: Scene, wording: Wording, rng: random.Random, *, at_most: int, families: Mapping[Family, float] | None = None
) -> tuple[Exchange, ...]:
    """Several different questions about one scene.

    Args:
        scene: What is in the picture.
        wording: The conversation's language and manner.
        rng: Source of chance.
        at_most: How many; fewer where the scene offers fewer.
        families: What may be asked, and how often; None for all of `FAMILIES`.
    """
    weights = dict(families or FAMILIES)
    asked: list[Exchange] = []
    at_most = min(at_most, len(scene.things) + 3)  # little can be asked about little
    while weights and len(asked) < at_most:
        family = rng.choices(list(weights), list(weights.values()))[0]
        exchange = family(scene, wording, rng)
        if exchange is None or wording.repeats:
            del weights[family]
            continue
        weights[family] /= 2  # rather another kind of question than the same once more
        asked.append(exchange)
        if (thing := _spoken_of(scene, wording, exchange)) and len(asked) < at_most and rng.random() < 0.3:
            follow_up = _follow_up(thing, exchange, wording)
            if follow_up is not None and not wording.repeats:
                asked.append(follow_up)
    return tuple(asked)


def name(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What is it? Asked of a picture of one thing."""
    if len(scene.things) != 1:
        return None
    (thing,) = scene.things
    return wording.exchange("name", "name", wording.one(thing.noun, thing.colour if scene.colours else None), "name")


def kind(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What kind of thing is it?"""
    if len(scene.things) != 1 or not (kinds := sorted(scene.things[0].noun.kinds)):
        return None
    return wording.exchange("kind", "kind", wording.a_kind(min(kinds, key=list(KINDS).index)), "kind")


def is_it(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Is this a …? Of the thing, of another, of its kind, or of a kind it is not."""
    if len(scene.things) != 1:
        return None
    noun, truth = scene.things[0].noun, rng.random() < 0.5
    if rng.random() < 0.3 and surely_not(noun.kinds):
        asked = wording.a_kind(rng.choice(sorted(noun.kinds) if truth else surely_not(noun.kinds)))
    elif truth or scene.absent:
        asked = wording.one(noun if truth else _similar(noun, scene.absent, rng))
    else:
        return None
    return wording.yes_no("presence", "is_it", truth, yes="yes_is", no="no_is", a_thing=asked, truth=wording.one(noun))


def presence(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Is there a …? What is not there shares its kind, or its colour or its name, with something that is."""
    truth = rng.random() < 0.5
    if truth:
        thing = rng.choice(scene.things)
        reference = Reference(thing.noun, thing.colour if scene.colours else None)
    else:
        missing = _missing(scene, rng)
        if missing is None:
            return None
        reference = missing
    return wording.yes_no(
        "presence",
        "presence",
        truth,
        yes="yes_presence",
        no="no_presence",
        a_thing=wording.one(reference.noun, reference.colour),
        thing=wording.name(reference.noun, reference.colour),
    )


def presence_of_kind(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Is there an animal?"""
    there = sorted({kind for thing in scene.things for kind in thing.noun.kinds})
    if rng.random() < 0.5:
        return _presence_of(rng.choice(there), True, wording) if there else None
    if not scene.complete:
        return None
    never = [set(surely_not(thing.noun.kinds)) for thing in scene.things]
    missing = sorted(set.intersection(*never))
    return _presence_of(rng.choice(missing), False, wording) if missing else None


def count(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """How many of one name, of one colour and name, or of one kind; now and then of what is not there."""
    roll = rng.random()
    if roll < 0.1 and scene.absent:
        return _count(Reference(rng.choice(scene.absent)), 0, wording)
    thing = rng.choice(scene.things)
    if roll < 0.25 and thing.noun.kinds and scene.complete:
        chosen = rng.choice(sorted(thing.noun.kinds))
        if all(chosen in other.noun.kinds or chosen in surely_not(other.noun.kinds) for other in scene.things):
            return _count(Reference(_kind_noun(chosen)), sum(chosen in other.noun.kinds for other in scene.things), wording)
    reference = Reference(thing.noun, thing.colour if scene.colours and roll < 0.4 else None)
    return _count(reference, len(scene.fitting(reference)), wording)


def count_all(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """How many things in all."""
    if not scene.complete:
        return None
    n = len(scene.things)
    number = wording.number(n)
    return wording.exchange("count", "count_all", _counted(n, wording), "count_all" if n > 1 else None, number=number)


def colour(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What colour is it?"""
    thing = _unique_by_name(scene, rng, coloured=True)
    if thing is None or thing.colour is None:
        return None
    return wording.exchange("colour", "colour", wording.colour(thing.colour), "colour", thing=wording.name(thing.noun))


def has_colour(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Is it red?"""
    thing, truth = _unique_by_name(scene, rng, coloured=True), rng.random() < 0.5
    if thing is None or thing.colour is None:
        return None
    others = [x for x in scene.colours or ("red", "blue", "green", "yellow", "black", "white") if x != thing.colour]
    present = [x.colour for x in scene.things if x.colour in others]
    asked = thing.colour if truth else rng.choice(present if present and rng.random() < 0.5 else others)
    return wording.yes_no(
        "colour",
        "has_colour",
        truth,
        no="no_colour",
        thing=wording.name(thing.noun),
        colour=wording.colour(asked or ""),
        truth=wording.colour(thing.colour),
    )


def shape(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What shape is the red thing? Asked where colours tell things apart."""
    alone = [x for x in scene.things if x.colour and sum(y.colour == x.colour for y in scene.things) == 1]
    if not scene.colours or not alone:
        return None
    thing = rng.choice(alone)
    return wording.exchange("shape", "shape", wording.one(thing.noun), "name", colour=wording.colour(thing.colour or ""))


def where(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Where is it?"""
    placed = [(thing, reference) for thing in scene.things if thing.place and (reference := scene.reference(thing))]
    if not placed:
        return None
    thing, reference = rng.choice(placed)
    place = thing.place or ""
    return wording.exchange(
        "where", "where", wording.place(place), "where", thing=_the(reference, wording), at_place=wording.at_place(place)
    )


def at_place(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What is at the top left?"""
    places = [thing.place for thing in scene.things]
    alone = [thing for thing in scene.things if thing.place and places.count(thing.place) == 1 and None not in places]
    if not alone or not scene.complete:
        return None
    thing = rng.choice(alone)
    answer = wording.one(thing.noun, thing.colour if scene.colours else None)
    return wording.exchange("where", "at_place", answer, None, at_place=wording.at_place(thing.place or ""))


def relation(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Is the one to the left of the other?"""
    pair = _pair(scene, rng)
    if pair is None:
        return None
    (thing, reference), (other, other_reference) = pair
    truth = rng.random() < 0.5
    holding = _directions(thing, other)
    opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}
    if not holding:
        return None
    direction = rng.choice(holding)
    return wording.yes_no(
        "relation",
        "relation",
        truth,
        thing=_the(reference, wording),
        other=_the(other_reference, wording),
        direction=DIRECTIONS[wording.language][direction if truth else opposite[direction]],
    )


def beside(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What is to the left of the other? Asked where it is one thing only."""
    pair = _pair(scene, rng)
    if pair is None or not scene.complete:
        return None
    (thing, _), (other, other_reference) = pair
    rest = [x for x in scene.things if x is not other]
    for direction in rng.sample(_directions(thing, other), len(_directions(thing, other))):
        near = [x for x in rest if direction in _directions(x, other, apart=0.0)]
        if near == [thing]:
            return wording.exchange(
                "relation",
                "beside",
                wording.one(thing.noun, thing.colour if scene.colours else None),
                None,
                direction=DIRECTIONS[wording.language][direction],
                other=_the(other_reference, wording),
            )
    return None


def outermost(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Which is furthest to the left?"""
    if len(scene.things) < 2 or not scene.complete:
        return None
    side = rng.choice(("left", "right", "top", "bottom"))

    def inset(thing: Thing) -> float:
        return {"left": thing.across, "right": 1 - thing.across, "top": thing.down, "bottom": 1 - thing.down}[side]

    first, second, *_ = sorted(scene.things, key=inset)
    if inset(second) - inset(first) < _CLEARLY_APART:
        return None
    answer = wording.one(first.noun, first.colour if scene.colours else None)
    return wording.exchange("relation", "outermost", answer, None, side=SIDES[wording.language][side])


def extreme_size(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Which is the biggest, which the smallest?"""
    if len(scene.things) < 2 or not scene.complete:
        return None
    big = rng.random() < 0.5
    first, second, *_ = sorted(scene.things, key=lambda thing: -thing.area if big else thing.area)
    if max(first.area, second.area) < _CLEARLY_BIGGER * min(first.area, second.area):
        return None
    answer = wording.one(first.noun, first.colour if scene.colours else None)
    return wording.exchange("compare", "biggest" if big else "smallest", answer, None)


def bigger(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Which of two is bigger?"""
    pair = _pair(scene, rng)
    if pair is None:
        return None
    (thing, reference), (other, other_reference) = pair
    if max(thing.area, other.area) < _CLEARLY_BIGGER * min(thing.area, other.area):
        return None
    winner = _the(reference if thing.area > other.area else other_reference, wording)
    short = winner if wording.language == "zh" else f"the {winner}"
    return wording.exchange("compare", "bigger", short, None, thing=_the(reference, wording), other=_the(other_reference, wording))


def same_colour(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Are two of one colour?"""
    named = [thing for thing in scene.things if thing.colour and len(scene.fitting(Reference(thing.noun))) == 1]
    pairs = [(x, y) for x in named for y in named if x is not y]
    truth = rng.random() < 0.5
    fitting = [(x, y) for x, y in pairs if (x.colour == y.colour) == truth]
    if not fitting or all(x.colour != y.colour for x, y in pairs):  # else the answer would nearly always be no
        return None
    thing, other = rng.choice(fitting)
    return wording.yes_no("compare", "same_colour", truth, thing=wording.name(thing.noun), other=wording.name(other.noun))


def more(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Are there more of these or of those?"""
    nouns = list({thing.noun.en: thing.noun for thing in scene.things}.values())
    if len(nouns) < 2:
        return None
    one, other = rng.sample(nouns, 2)
    difference = len(scene.fitting(Reference(one))) - len(scene.fitting(Reference(other)))
    things, others = wording.many(one), wording.many(other)
    if difference == 0:
        answer = wording.reply("same_number", things=things, others=others)
    else:
        answer = wording.reply("more", answer=things if difference > 0 else others)
    return wording.exchange("compare", "more", answer, None, things=things, others=others)


def caption(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Describe it: what there is and how many, and what is behind it."""
    counted: dict[tuple[str, str | None], int] = {}
    firsts: dict[tuple[str, str | None], Thing] = {}
    for thing in sorted(scene.things, key=lambda thing: (thing.across, thing.down)):
        key = (thing.noun.en, thing.colour if scene.colours else None)
        counted[key] = counted.get(key, 0) + 1
        firsts.setdefault(key, thing)
    if len(counted) > 4:
        return None
    things = wording.listed([wording.some(n, firsts[key].noun, key[1]) for key, n in counted.items()])
    if scene.place is not None:
        text = wording.reply("caption_before", things=things, place=wording.one(scene.place))
    elif len(scene.things) == 1 and scene.things[0].place:
        text = wording.reply("caption_at", things=things, at_place=wording.at_place(scene.things[0].place))
    else:
        text = things
    return wording.exchange("caption", "caption", text, None)


def place(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """What is behind it all?"""
    return wording.exchange("place", "place", wording.one(scene.place), "place") if scene.place else None


def false_premise(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Asks for a property of what is not there."""
    missing = _missing(scene, rng)
    if missing is None:
        return None
    thing, a_thing = wording.name(missing.noun, missing.colour), wording.one(missing.noun, missing.colour)
    form = "where" if missing.colour or rng.random() < 0.5 else "colour"
    return wording.exchange("unsure", form, wording.reply("absent", thing=thing, a_thing=a_thing), None, thing=thing)


def unanswerable(scene: Scene, wording: Wording, rng: random.Random) -> Exchange | None:
    """Asks what no picture shows."""
    thing = wording.name(rng.choice(scene.things).noun)
    return wording.exchange("unsure", "unsure", wording.reply("unsure"), None, thing=thing)


FAMILIES: Mapping[Family, float] = MappingProxyType(
    {
        name: 2.0,
        kind: 0.5,
        is_it: 1.0,
        presence: 2.0,
        presence_of_kind: 0.5,
        count: 2.0,
        count_all: 0.7,
        colour: 2.0,
        has_colour: 0.7,
        shape: 1.5,
        where: 2.0,
        at_place: 1.0,
        relation: 2.0,
        beside: 0.8,
        outermost: 0.7,
        extreme_size: 0.6,
        bigger: 0.7,
        same_colour: 0.6,
        more: 0.7,
        caption: 1.2,
        place: 1.0,
        false_premise: 0.4,
        unanswerable: 0.15,
    }
)
"""All families, and how often each is asked."""


def _the(reference: Reference, wording: Wording) -> str:
    return wording.name(reference.noun, reference.colour)


def _kind_noun(kind: str) -> Noun:
    return Noun(kind, KINDS[kind])


def _presence_of(kind: str, truth: bool, wording: Wording) -> Exchange:
    words = {"a_thing": wording.a_kind(kind), "thing": wording.kind(kind)}
    return wording.yes_no("presence", "presence", truth, yes="yes_presence", no="no_presence", **words)


def _counted(n: int, wording: Wording) -> str:
    return f"{wording.number(n)}个" if wording.language == "zh" else wording.number(n)


def _count(reference: Reference, n: int, wording: Wording) -> Exchange:
    thing, things = wording.name(reference.noun, reference.colour), wording.many(reference.noun, reference.colour)
    full = "absent" if n == 0 else "count_one" if n == 1 else "count"
    a_thing = wording.one(reference.noun, reference.colour)
    return wording.exchange(
        "count", "count", _counted(n, wording), full, thing=thing, things=things, a_thing=a_thing, number=wording.number(n)
    )


def _similar(noun: Noun, others: Sequence[Noun], rng: random.Random) -> Noun:
    alike = [other for other in others if other.kinds & noun.kinds]
    return rng.choice(alike if alike and rng.random() < 0.5 else others)


def _missing(scene: Scene, rng: random.Random) -> Reference | None:
    """Something that is not there, and would be easy to imagine."""
    if scene.colours:
        colours = [thing.colour for thing in scene.things] if rng.random() < 0.6 else list(scene.colours)
        nouns = [thing.noun for thing in scene.things] if rng.random() < 0.6 else list(scene.absent)
        pairs = [Reference(noun, colour) for noun in nouns for colour in colours]
        pairs = [pair for pair in pairs if not scene.fitting(pair)]
        return rng.choice(pairs) if pairs else None
    return Reference(_similar(rng.choice(scene.things).noun, scene.absent, rng)) if scene.absent else None


def _unique_by_name(scene: Scene, rng: random.Random, *, coloured: bool) -> Thing | None:
    alone = [x for x in scene.things if len(scene.fitting(Reference(x.noun))) == 1 and (x.colour or not coloured)]
    return rng.choice(alone) if alone else None


def _pair(scene: Scene, rng: random.Random) -> tuple[tuple[Thing, Reference], tuple[Thing, Reference]] | None:
    named = [(thing, reference) for thing in scene.things if (reference := scene.reference(thing))]
    if len(named) < 2:
        return None
    first, second = rng.sample(named, 2)
    return first, second


def _directions(thing: Thing, other: Thing, *, apart: float = _CLEARLY_APART) -> list[str]:
    """In which the thing clearly lies, seen from the other."""
    across, down = thing.across - other.across, thing.down - other.down
    directions = ["left" if across < 0 else "right"] if abs(across) > apart else []
    return directions + (["above" if down < 0 else "below"] if abs(down) > apart else [])


def _spoken_of(scene: Scene, wording: Wording, exchange: Exchange) -> Thing | None:
    """The one thing that a question was about, so that "it" is understood."""
    if exchange.task not in ("name", "where", "colour"):
        return None
    named = [thing for thing in scene.things if (x := scene.reference(thing)) and _the(x, wording) in exchange.question]
    if len(scene.things) == 1:
        return scene.things[0]
    return named[0] if len(named) == 1 else None


def _follow_up(thing: Thing, before: Exchange, wording: Wording) -> Exchange | None:
    """About "it": what the question before did not ask for."""
    if thing.colour and before.task == "where":
        return wording.exchange("colour", "colour_it", wording.colour(thing.colour), "it_is")
    if thing.place and before.task != "where":
        at = wording.at_place(thing.place)
        return wording.exchange(
            "where", "where_it", wording.place(thing.place), "where", thing=wording.name(thing.noun), at_place=at
        )
    return None
