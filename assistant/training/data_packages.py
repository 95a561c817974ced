"""The pinned table of training data: which package of which registry holds it, what of it is kept, and its licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from types import MappingProxyType

from assistant.weights import Package

FORMATS = frozenset({".png", ".jpg", ".gif", ".webp", ".txt", ".json", ".yml", ".noun", ".ttf", ".ttc", ".otf"})
"""Suffixes of files that are unpacked: pictures, texts and fonts, nothing that runs."""


@dataclass(frozen=True, slots=True)
class DataPackage:
    """An archive of which the files that match are unpacked into a folder of the cache."""

    name: str
    contents: str
    licence: str
    package: Package
    folder: str
    """Of the archive; what is kept lies below it, and its path below it is kept too."""
    patterns: tuple[str, ...]
    """Of paths below `folder`, as `fnmatch` reads them: an asterisk also passes slashes."""
    mirror_path: str = ""
    """Of a Debian package: where it lies on every mirror."""

    def target(self, member: str) -> PurePosixPath | None:
        """Where a member of the archive goes, relative to the data's folder; None where it is not kept."""
        path = PurePosixPath(member)
        if not path.is_relative_to(self.folder):
            return None
        below = path.relative_to(self.folder)
        kept = any(fnmatchcase(below.as_posix(), pattern) for pattern in self.patterns)
        return below if kept and ".." not in below.parts and below.suffix in FORMATS else None


def _debian(
    name: str,
    contents: str,
    licence: str,
    package: tuple[str, str, str, int],
    folder: str,
    patterns: tuple[str, ...],
    mirror_path: str,
) -> DataPackage:
    return DataPackage(name, contents, licence, Package(*package, registry="apt"), folder, patterns, mirror_path)


_FONTS = "usr/share/fonts/"

_DATA = (
    _debian(
        "stamps",
        "photos and drawings of single things, cut out, each with a sentence in up to 65 languages (Tux Paint)",
        "GPL-2.0-or-later",
        (
            "tuxpaint-stamps-default",
            "2022.06.04-1",
            "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
            160_880_444,
        ),
        "usr/share/tuxpaint/stamps",
        ("*.png", "*.txt"),
        "pool/main/t/tuxpaint-stamps/tuxpaint-stamps-default_2022.06.04-1_all.deb",
    ),
    _debian(
        "backgrounds",
        "74 photos and drawings of places (Scratch)",
        "CC-BY-SA-3.0",
        ("scratch", "1.4.0.6~dfsg1-6.1", "36c582eb93110f64f06c4e685c41e933ccba2fa68db12f79b10bfe840b21fc10", 25_654_320),
        "usr/share/scratch/Media/Backgrounds",
        ("*.jpg", "*.png", "*.gif"),
        "pool/main/s/scratch/scratch_1.4.0.6~dfsg1-6.1_all.deb",
    ),
    DataPackage(
        "emoji",
        "3391 emoji as rendered things, cut out (Fluent 3D)",
        "MIT",
        Package(
            "@lobehub/fluent-emoji-3d",
            "1.1.0",
            "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
            15_792_027,
            registry="npm",
        ),
        "package/assets",
        ("*.webp",),
    ),
    DataPackage(
        "emoji-names",
        "what emoji are called, in English and Chinese (emojibase)",
        "MIT",
        Package(
            "emojibase-data",
            "17.0.0",
            "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
            6_711_091,
            registry="npm",
        ),
        "package",
        ("en/compact.json", "en/data.json", "zh/data.json"),
    ),
    _debian(
        "clip-art",
        "6900 drawings, of which those are used whose file names are English words (Open Clip Art Library)",
        "public domain",
        ("openclipart-png", "1:0.18+dfsg-19", "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02", 130_910_028),
        "usr/share/openclipart/png",
        (
            "animals/*",
            "food/*",
            "plants/*",
            "transportation/vehicles/*",
            "transportation/boating/*",
            "recreation/music/*",
            "tools/*",
        ),
        "pool/main/o/openclipart/openclipart-png_0.18+dfsg-19_all.deb",
    ),
    _debian(
        "nouns",
        "which thing is a kind of which, for every English noun (WordNet 3.0)",
        "WordNet",
        ("wordnet-base", "1:3.0-37", "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752", 6_467_132),
        "usr/share/wordnet",
        ("data.noun", "index.noun"),
        "pool/main/w/wordnet/wordnet-base_3.0-37_all.deb",
    ),
    DataPackage(
        "classes",
        "which nouns the classifier's 1000 classes are (timm's list of ImageNet's synsets)",
        "Apache-2.0",
        Package("timm", "1.0.22", "888981753e65cbaacfc07494370138b1700a27b1f0af587f4f9b47bc024161d0", 2_530_238),
        "timm/data/_info",
        ("imagenet_synsets.txt",),
    ),
    _debian(
        "fonts-sans",
        "DejaVu",
        "Bitstream-Vera",
        ("fonts-dejavu-core", "2.37-6", "8892669e51aab4dc56682c8e39d8ddb7d70fad83c369344e1e240bf3ca22bb76", 1_067_728),
        _FONTS + "truetype/dejavu",
        ("*.ttf",),
        "pool/main/f/fonts-dejavu/fonts-dejavu-core_2.37-6_all.deb",
    ),
    _debian(
        "fonts-serif",
        "Liberation",
        "OFL-1.1",
        ("fonts-liberation2", "2.1.5-1", "35ffaa54f117e633e89a5da89af235a073b34dbe582726fbf6989568f7fd9bda", 1_479_148),
        _FONTS + "truetype/liberation2",
        ("*.ttf",),
        "pool/main/f/fonts-liberation2/fonts-liberation2_2.1.5-1_all.deb",
    ),
    _debian(
        "fonts-hand",
        "Comic Neue",
        "OFL-1.1",
        ("fonts-comic-neue", "2.51-4", "6f002dc90d62fde01a2b51f333c09dc6c21ffbfc6ca22d05a84cc049b083c826", 360_376),
        _FONTS + "opentype/comic-neue",
        ("*.otf",),
        "pool/main/c/comic-neue/fonts-comic-neue_2.51-4_all.deb",
    ),
    _debian(
        "fonts-han",
        "WenQuanYi Micro Hei, for Chinese and English",
        "Apache-2.0 OR GPL-3.0-only WITH Font-exception-2.0",
        ("fonts-wqy-microhei", "0.2.0-beta-3.1", "239163df984eea5c9da3b551aee374936222cdbd67f1a1be3cdcf3d76143ad66", 1_605_712),
        "usr/share/fonts/truetype/wqy",
        ("*.ttc",),
        "pool/main/f/fonts-wqy-microhei/fonts-wqy-microhei_0.2.0-beta-3.1_all.deb",
    ),
    DataPackage(
        "dialogues",
        "short questions people ask a machine, in English and Chinese (ChatterBot's corpus)",
        "BSD-3-Clause",
        Package("chatterbot-corpus", "1.3.3", "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154", 345_706),
        "chatterbot_corpus/data",
        ("english/*.yml", "chinese/*.yml"),
    ),
)

DATA: Mapping[str, DataPackage] = MappingProxyType({data.name: data for data in _DATA})
"""Every data package by name."""
