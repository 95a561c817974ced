from __future__ import annotations

from pathlib import Path

import filelock
import pytest

from assistant.training.mixture import Mixture
from assistant.training.prepared import BLOCK, PreparedSamples
from assistant.training.shapes import Shapes
from tests.training.tiny_training import TinyFinder, tiny_samples
from tests.vision.tiny_vision import TinyEncoder


class BlindEncoder(TinyEncoder):
    """Looks at nothing: what it would see must be on disk."""

    def encode(self, pictures: object) -> object:  # type: ignore[override]
        raise AssertionError("a picture was looked at")


def samples_of(root: Path, encoder: TinyEncoder, finder: TinyFinder) -> PreparedSamples:
    return PreparedSamples(root, Mixture([Shapes(("en",))], seed=0, split="train"), {"split": "train"}, encoder, finder)


def test_a_sample_is_its_mixtures_with_what_encoder_and_experts_see(tmp_path: Path) -> None:
    sample = Mixture([Shapes(("en",))], seed=0, split="train").sample(3)
    prepared = tiny_samples(tmp_path)[3]
    assert (prepared.source, prepared.key, prepared.exchanges) == (sample.source, sample.key, sample.exchanges)
    assert prepared.features is not None and "stride32" not in prepared.features.levels
    assert prepared.features.regions == (prepared.evidence[0].regions,)
    assert (prepared.evidence[0].width_px, prepared.evidence[0].colours != ()) == (sample.images[0].width_px, True)


def test_what_is_on_disk_is_not_looked_at_again(tmp_path: Path) -> None:
    first = tiny_samples(tmp_path)[0]
    again = samples_of(tmp_path, BlindEncoder(), TinyFinder())[0]
    assert again.evidence == first.evidence
    assert sorted(path.suffix for path in tiny_samples(tmp_path).folder.iterdir()) == [".json", ".json", ".lock", ".safetensors"]


def test_another_finder_costs_no_second_encoding(tmp_path: Path) -> None:
    first = tiny_samples(tmp_path)[0]
    other = samples_of(tmp_path, BlindEncoder(), TinyFinder("drawn-2"))
    assert not other.has(0) and other[0].evidence == first.evidence and other.has(0)


def test_a_damaged_block_is_made_again(tmp_path: Path) -> None:
    samples = tiny_samples(tmp_path)
    first = samples[BLOCK]
    (samples.folder / "00001.safetensors").write_bytes(b"nothing")
    assert tiny_samples(tmp_path)[BLOCK].evidence == first.evidence


def test_a_block_that_another_process_is_at_is_left_to_it_or_waited_for(tmp_path: Path) -> None:
    samples = tiny_samples(tmp_path)
    samples.folder.mkdir(parents=True)
    with filelock.FileLock(samples.folder / "00000.lock"):
        assert not samples.prepare(0, wait=False)
        assert samples.prepare(1, wait=False) and samples.has(1)
    assert samples.prepare(0) and samples.has(0)


@pytest.mark.parametrize("change", [{"split": "held-out"}, {"split": "train", "seed": 1}])
def test_other_samples_lie_elsewhere(tmp_path: Path, change: dict[str, object]) -> None:
    mixture = Mixture([Shapes(("en",))], seed=0, split="train")
    other = PreparedSamples(tmp_path, mixture, change, TinyEncoder(), TinyFinder())
    assert other.folder != tiny_samples(tmp_path).folder
