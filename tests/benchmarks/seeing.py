"""What language models say of photos through a connector, beside the same questions without a photo and with another's.

    python tests/benchmarks/seeing.py --model smollm2-135m-instruct --photos DIR --questions FILE

DIR holds a `manifest.jsonl` with `path` and `class_index` (ImageNet's); FILE is a `.jsonl` with `path`, `question`, `answer` and
`type` (presence or count). Without --connector it is an untrained one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path

from assistant.config import load_settings
from assistant.evaluation.conditions import CONDITIONS
from assistant.evaluation.naming import QUESTION, evaluate_naming, load_photos
from assistant.evaluation.presence import evaluate_closed, load_questions
from assistant.language.checkpoint import open_checkpoint
from assistant.language.embedded import EmbeddedModel
from assistant.language.tokenizer import open_tokenizer
from assistant.language.word_vectors import CheckpointWords
from assistant.vision.connector import Connector
from assistant.vision.connector_file import load_connector
from assistant.vision.connector_kinds import KINDS, build_connector
from assistant.vision.detector import ObjectDetector
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.experts import EvidenceEncoder
from assistant.vision.projector import PictureProjector
from assistant.vision.region_finder import RegionFinder
from assistant.weights import WeightStore

MODELS = ("smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct")


def main() -> None:
    """Print the tables of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all")
    parser.add_argument("--encoder", default="efficientnet-lite2", choices=("efficientnet-lite0", "efficientnet-lite2"))
    parser.add_argument("--kind", default=KINDS[0], choices=KINDS, help="of an untrained connector")
    parser.add_argument("--options", type=json.loads, default={}, help="of an untrained connector, as JSON")
    parser.add_argument("--connector", type=Path, help="a trained one")
    parser.add_argument("--no-detector", action="store_true")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--question", default=QUESTION, help="about each of the photos")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th photo and question")
    parser.add_argument("--condition", action="append", choices=CONDITIONS, help="default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="list wrong names")
    parser.add_argument("--json", type=Path, help="write every reply there")
    given = parser.parse_args()
    for model in given.model or MODELS:
        asyncio.run(_measure(model, given))


async def _measure(name: str, given: argparse.Namespace) -> None:
    store = WeightStore(load_settings().cache_dir)
    source, encoder_path = store.folder(name) / "model.gguf", store.folder(given.encoder) / "model.pth"
    encoder = EfficientNetEncoder(encoder_path, sha256=store.model(given.encoder).files[0].sha256)
    checkpoint = open_checkpoint(source)
    words = CheckpointWords(checkpoint, open_tokenizer(checkpoint.tokenizer()), sha256=store.model(name).files[0].sha256)
    connector: Connector
    if given.connector:
        connector = load_connector(given.connector, encoder, words).connector
    else:
        connector = build_connector(given.kind, encoder, words, given.options)
    finder = None if given.no_detector else RegionFinder(ObjectDetector(store.folder("ssd-mobilenet-v2-coco") / "model.pb"))
    projector = PictureProjector(EvidenceEncoder(encoder, finder).features, connector)
    model = EmbeddedModel(source, name=name, context_tokens=1024, threads=given.threads, visual_tokens=projector)
    print(f"{name}, {given.encoder}, {given.connector or given.kind} {given.options}, detector: {finder is not None}", flush=True)
    results = []
    start = time.perf_counter()
    conditions = given.condition or CONDITIONS
    if given.photos:
        photos = load_photos(given.photos, encoder, every=given.every)
        naming = await evaluate_naming(model, photos, question=given.question, conditions=conditions)
        print(naming.table(verbose=given.verbose), flush=True)
        results.append(asdict(naming))
    if given.questions:
        closed = await evaluate_closed(model, load_questions(given.questions, every=given.every), conditions=conditions)
        print(closed.table(), flush=True)
        results.append(asdict(closed))
    print(f"{time.perf_counter() - start:.0f} s\n", flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")
    await model.close()


if __name__ == "__main__":
    main()
