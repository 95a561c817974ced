"""Pictures that show nothing, and questions about pictures that were never sent: the honest answer is that one does not know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from assistant.training.backgrounds import surface
from assistant.training.cutouts import CutOut
from assistant.training.nouns import Noun
from assistant.training.picture import CANVASES_PX, image_of
from assistant.training.sample import Language, Sample, Split, chance, split_of
from assistant.training.wording import Wording
from assistant.types import Evidence

_NO_PICTURE_SHARE = 0.4


class Nothing:
    """Bare surfaces, noise and darkness; and no picture at all."""

    name = "nothing"
    licence = "drawn by this project"

    def __init__(self, cutouts: Sequence[CutOut], languages: Sequence[Language]) -> None:
        """Take the names that are asked for in vain from cut-outs, in each of the languages as often."""
        self._nouns: dict[Split, list[Noun]] = {"train": [], "held-out": []}
        for cutout in cutouts:
            if cutout.noun.zh is not None:
                self._nouns[split_of(f"noun/{cutout.noun.head}")].append(cutout.noun)
        self._languages = tuple(languages)

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        language = rng.choice(self._languages)
        wording = Wording(language, rng, split)
        noun = rng.choice(self._nouns[split] or [Noun("thing", "东西")])
        key = f"{self.name}/{split}/{seed}/{number}"
        if rng.random() < _NO_PICTURE_SHARE:
            form = rng.choice(("name", "caption", "count_all", "presence", "colour", "read"))
            words = {"thing": wording.name(noun), "a_thing": wording.one(noun)}
            exchange = wording.exchange("unsure", form, wording.reply("no_picture"), None, **words)
            return Sample(self.name, self.licence, key, (exchange,))
        size_px = rng.choice(CANVASES_PX)
        pixels_HWC = surface(rng, size_px)
        style = rng.random()
        if style < 0.25:
            pixels_HWC = np.frombuffer(rng.randbytes(pixels_HWC.size), np.uint8).reshape(pixels_HWC.shape)
        elif style < 0.4:
            pixels_HWC = (pixels_HWC // rng.randint(12, 40)).astype(np.uint8)
        elif style < 0.5:
            pixels_HWC = np.asarray(Pillow.fromarray(pixels_HWC).filter(ImageFilter.GaussianBlur(12)))
        thing, a_thing = wording.name(noun), wording.one(noun)
        asked = (
            wording.exchange("unsure", rng.choice(("name", "caption")), wording.reply("unclear"), None),
            wording.yes_no("presence", "presence", False, no="no_presence", a_thing=a_thing, thing=thing),
            wording.exchange("unsure", "where", wording.reply("absent", thing=thing, a_thing=a_thing), None, thing=thing),
        )
        evidence = Evidence(size_px[0], size_px[1])
        chosen = tuple(rng.sample(asked, rng.randint(1, 3)))
        return Sample(self.name, self.licence, key, chosen, (image_of(pixels_HWC),), evidence=(evidence,))
