"""Pictures of one thing with another's name written on them: what a thing is, is not what a label says (typographic attacks)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow

from assistant.training.composites import Composer
from assistant.training.data_store import DataStore
from assistant.training.picture import image_of
from assistant.training.sample import Language, Sample, Split, chance
from assistant.training.signs import draw_board, fonts
from assistant.training.wording import Wording
from assistant.types import Evidence


class Mislabelled:
    """A thing, and in the evidence a text that names something else; asked are what it is and what is written."""

    name = "mislabelled"

    def __init__(self, composer: Composer, store: DataStore, languages: Sequence[Language]) -> None:
        """Draw on a composer and on fonts, in each of the languages as often.

        Raises:
            WeightsMissingError: There is no font for a language.
        """
        self.licence = composer.licence
        self._composer = composer
        self._fonts = {language: fonts(store, language) for language in languages}
        self._languages = tuple(languages)

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        language = rng.choice(self._languages)
        wording = Wording(language, rng, split)
        made = self._composer.compose(rng, counts=(1,), language=language, split=split)
        noun, label = made.scene.things[0].noun, rng.choice(made.scene.absent)
        canvas = Pillow.fromarray(made.image.pixels_HWC)
        text = wording.name(label).upper() if rng.random() < 0.5 else wording.name(label)
        draw_board(canvas, [text], rng.choice(self._fonts[language]), rng, largest=0.4)
        written = f"“{text}”" if language == "zh" else f'"{text}"'
        truth = rng.random() < 0.5
        asked = (
            wording.exchange("name", "name", wording.one(noun), "name"),
            wording.exchange("read", "read", written, None),
            wording.yes_no(
                "presence",
                "is_it",
                truth,
                yes="yes_is",
                no="no_is",
                a_thing=wording.one(noun if truth else label),
                truth=wording.one(noun),
            ),
        )
        evidence = Evidence(canvas.width, canvas.height, text_lines=(text,))
        return Sample(
            self.name,
            made.licence,
            f"{self.name}/{split}/{seed}/{number}",
            tuple(rng.sample(asked, rng.randint(2, 3))),
            (image_of(np.asarray(canvas)),),
            evidence=(evidence,),
        )
