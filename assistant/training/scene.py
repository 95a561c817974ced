"""What is known of a picture that was put together: its things, where they are, and what is behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.training.nouns import Noun
from assistant.types import place_of


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing. Its box is in shares of the picture's sides, from the top left corner."""

    noun: Noun
    left: float
    top: float
    right: float
    bottom: float
    colour: str | None = None
    """Of nearly all of it; None where it has several or none has been told."""

    @property
    def across(self) -> float:
        """Of its middle, from the left."""
        return (self.left + self.right) / 2

    @property
    def down(self) -> float:
        """Of its middle, from the top."""
        return (self.top + self.bottom) / 2

    @property
    def area(self) -> float:
        """Of its box, as a share of the picture."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def place(self) -> str | None:
        """In words; None near a border between two words, where people would disagree."""
        sure = all(abs(share - border) > 0.05 for share in (self.across, self.down) for border in (0.38, 0.62))
        return place_of(self.across, self.down) if sure else None


@dataclass(frozen=True, slots=True)
class Reference:
    """A way to speak of a thing: by its name, or by its colour and its name."""

    noun: Noun
    colour: str | None = None

    def fits(self, thing: Thing) -> bool:
        """Whether one could mean the thing by it."""
        return thing.noun.en == self.noun.en and self.colour in (None, thing.colour)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that was put into a picture."""

    things: tuple[Thing, ...]
    absent: tuple[Noun, ...] = ()
    """Names of things that are surely not in the picture."""
    place: Noun | None = None
    """What is behind the things."""
    complete: bool = True
    """Nothing else can be seen: there is nothing behind the things that one could count or name."""
    colours: tuple[str, ...] = ()
    """That a thing could have; empty where colours say nothing."""

    def fitting(self, reference: Reference) -> Sequence[Thing]:
        """The things that one could mean."""
        return [thing for thing in self.things if reference.fits(thing)]

    def reference(self, thing: Thing) -> Reference | None:
        """The shortest way to speak of a thing and of no other; None where there is none."""
        for colour in (None, thing.colour):
            reference = Reference(thing.noun, colour)
            if len(self.fitting(reference)) == 1:
                return reference
        return None
