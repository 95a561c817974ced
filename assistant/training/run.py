"""A training from names to a file: finds the models and the data, puts the parts together, writes the connector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import torch

from assistant.config import Settings, load_settings, profile_with
from assistant.engines import weight_store
from assistant.errors import ConfigError
from assistant.language.chat_template import ChatTemplate
from assistant.language.checkpoint import Checkpoint, open_checkpoint
from assistant.language.embedded import EmbeddedModel
from assistant.language.tokenizer import Tokenizer, open_tokenizer
from assistant.language.word_vectors import CheckpointWords
from assistant.prompts import load_preamble
from assistant.training.batches import Batch, Batches
from assistant.training.data_store import DataStore
from assistant.training.looking import ENCODER, Pictures, load_encoder, prepared_samples
from assistant.training.low_rank import LowRankChanges
from assistant.training.nouns import WordNet
from assistant.training.recipe import Recipe
from assistant.training.sample import chance
from assistant.training.text_replay import TextReplay, recorded_prompts, replay_prompts, write_replies
from assistant.training.trainable_decoder import TrainableDecoder
from assistant.training.trainer import Progress, Trainer
from assistant.training.virtual_features import VirtualFeatures, class_kinds, statistics_of_weights
from assistant.types import GenerationOptions, Message, Prompt
from assistant.vision.asked import asked_about
from assistant.vision.connector import Connector
from assistant.vision.connector_file import describe, load_connector, save_connector
from assistant.vision.connector_kinds import OF_NAMES, build_connector
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.connectors.co_attention import CoAttention
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.encoder_efficientnet import EfficientNetEncoder

Say = Callable[[str], None]
Report = Callable[[Progress], None]

_REPLY_TOKENS = 96
_REPLIES = 64
"""Asked for at a time; what was answered is kept."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to train."""

    model: str
    kind: str = "anchored"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the connector's kind."""
    begin_with: Path | None = None
    """A connector file to go on with; its kind and options hold. A kind that works on the tokens of `anchored` begins with such a
    file as it is, and `options` are added to the file's."""
    with_changes: bool = True
    """Train low-rank changes to the language model too."""
    pictures: Pictures = Pictures()
    recipe: Recipe = Recipe()
    threads: int = 1
    device: str = "cpu"

    def facts(self) -> dict[str, Any]:
        """What it takes to train it again; nothing of the machine it was trained on."""
        shown = self.pictures
        data = {"languages": shown.languages, "sources": shown.sources, "photos": shown.folder is not None, "seed": shown.seed}
        begun = {"begin_with": self.begin_with.name} if self.begin_with else {}
        return {"data": data, "recipe": asdict(self.recipe), "changes": self.with_changes, **begun}


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """What stands on both sides of a connector."""

    encoder: EfficientNetEncoder
    checkpoint: Checkpoint
    tokenizer: Tokenizer
    words: CheckpointWords


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    """What is trained, and what a file says it is."""

    kind: str
    options: Mapping[str, Any]
    connector: Connector
    changes: LowRankChanges | None

    def write(self, out: Path, models: Models, order: Order, training: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        assert isinstance(self.connector, torch.nn.Module)
        self.connector.cpu().eval()
        names = {"encoder_name": ENCODER, "language_model_name": order.model}
        encoder, words = models.encoder, models.words
        manifest = describe(
            self.kind, self.options, self.connector, encoder, words, **names, training=training, metrics=dict(scores)
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        changed = self.changes is not None and any(up.any() for up in self.changes.up.values())
        save_connector(out, self.connector, manifest, adapters=self.changes.exported() if self.changes and changed else None)


def train(
    settings: Settings,
    order: Order,
    folder: Path,
    out: Path,
    *,
    report: Report = lambda progress: None,
    say: Say = lambda line: None,
) -> Mapping[str, float]:
    """Train, or go on where the folder's checkpoint is, and write the connector.

    Args:
        settings: Tell where weights and data lie.
        order: What to train.
        folder: Of the run.
        out: The file to write.
        report: Told after every step.
        say: Told what is being done before the first step.

    Returns:
        The scores on what was held out.

    Raises:
        AssistantError: Models or data are missing, options do not fit, or the training failed.
        KeyboardInterrupt: The checkpoint was written, and so was the connector as it is now.
    """
    models = open_models(settings, order.model)
    trained = _begun(models, order)
    if not order.recipe.steps:
        trained.write(out, models, order, {}, {})
        return {}
    batches, held_out = _batches(settings, order, models, trained, say)
    say("reading the model")
    decoder = TrainableDecoder(models.checkpoint, device=order.device)
    trainer = Trainer(
        decoder,
        models.tokenizer,
        trained.connector,
        trained.changes,
        batches,
        order.recipe,
        folder,
        held_out=held_out,
        identity={
            "kind": trained.kind,
            "options": dict(trained.options),
            "encoder": models.encoder.sha256,
            "language_model": models.words.sha256,
            "data": order.facts()["data"],
        },
        report=report,
    )
    (folder / "order.json").write_text(json.dumps(order.facts(), indent=1), encoding="utf-8")
    torch.set_num_threads(order.threads)  # the decoder that recorded replies had set one
    scores: Mapping[str, float] = {}  # nobody evaluated the parameters of a training that was stopped
    try:
        scores = trainer.run()
    finally:
        done = {"steps": trainer.state.step, "minutes": round(trainer.state.elapsed_s / 60)}
        trained.write(out, models, order, {**order.facts(), "done": done}, scores)
    return scores


def open_models(settings: Settings, language_model: str) -> Models:
    """The encoder and a language model of the catalogue, without its decoder.

    Raises:
        ConfigError: No language model of the catalogue has the name.
        WeightsError: Weights are missing or damaged.
    """
    require_model(language_model, settings)
    store = weight_store(settings)
    checkpoint = open_checkpoint(store.folder(language_model) / "model.gguf")
    tokenizer = open_tokenizer(checkpoint.tokenizer())
    words = CheckpointWords(checkpoint, tokenizer, sha256=store.model(language_model).files[0].sha256)
    return Models(load_encoder(store), checkpoint, tokenizer, words)


def require_model(name: str, settings: Settings) -> None:
    """Refuse a name early.

    Raises:
        ConfigError: No language model of the catalogue has the name.
    """
    known = [status.name for status in weight_store(settings).list() if status.role == "language"]
    if name not in known:
        raise ConfigError(f"there is no language model {name!r} to train for", hint=f"known: {', '.join(known)}")


def _begun(models: Models, order: Order) -> _Trained:
    recipe, config = order.recipe, models.checkpoint.config
    changes = None
    if order.with_changes:
        changes = LowRankChanges(
            config,
            targets=recipe.targets,
            rank=recipe.rank,
            alpha=recipe.alpha,
            dropout=recipe.dropout,
            seed=recipe.seed,
        )
    if order.begin_with is None:
        connector = build_connector(order.kind, models.encoder, models.words, order.options, seed=recipe.seed)
        return _Trained(order.kind, order.options, connector, changes)
    loaded = load_connector(order.begin_with, models.encoder, models.words)
    if changes is not None and loaded.adapters:
        changes.restore(loaded.adapters)
    if loaded.manifest.kind == order.kind or order.kind not in OF_NAMES or not isinstance(loaded.connector, Anchored):
        return _Trained(loaded.manifest.kind, loaded.manifest.options, loaded.connector, changes)
    options = {**loaded.manifest.options, **order.options}
    connector = build_connector(order.kind, models.encoder, models.words, options, seed=recipe.seed)
    assert isinstance(connector, GatedCrossAttention | CoAttention)
    connector.anchored.load_state_dict(loaded.connector.state_dict())
    return _Trained(order.kind, options, connector, changes)


def _batches(settings: Settings, order: Order, models: Models, trained: _Trained, say: Say) -> tuple[Batches, list[Batch]]:
    """What to learn from, and what to evaluate on."""
    recipe, data, encoder = order.recipe, DataStore(settings.cache_dir), models.encoder
    pictures = prepared_samples(settings.cache_dir, order.pictures, "train", encoder)
    if missing := sorted(set(trained.options.get("levels", ())) - set(pictures.levels)):
        raise ConfigError(f"no level {missing[0]!r} is kept for training", hint=f"known: {', '.join(pictures.levels)}")
    language_model = _product_settings(order.model).language_model
    say("asking the untouched model")
    replay = _replay(settings, order, data, say) if recipe.replay_share else None
    batches = Batches(
        ChatTemplate(models.tokenizer),
        pictures,
        recipe,
        names=encoder.names,
        system_prompt=language_model.system_prompt,
        examples=language_model.examples,
        virtual=_virtual(settings, encoder, data) if recipe.virtual_share and trained.kind in OF_NAMES else None,
        replay=replay,
        facts=asked_about,
    )
    if not recipe.evaluation_samples:
        return batches, []
    say("looking at what is held out")
    return batches, batches.held_out(prepared_samples(settings.cache_dir, order.pictures, "held-out", encoder))


def _product_settings(model: str) -> Settings:
    """Of the first profile that uses the model, for its prompts."""
    profile = profile_with(model)
    return load_settings({"profile": profile} if profile else {})


def _virtual(settings: Settings, encoder: EfficientNetEncoder, data: DataStore) -> VirtualFeatures:
    return VirtualFeatures(
        weight_KV=encoder.class_weight_KV,
        bias_K=encoder.class_bias_K,
        names=encoder.names,
        statistics=statistics_of_weights(weight_store(settings).folder(ENCODER) / "model.pth"),
        kinds=class_kinds(WordNet(data.folder("nouns")), data.folder("classes") / "imagenet_synsets.txt"),
    )


def _replay(settings: Settings, order: Order, data: DataStore, say: Say) -> TextReplay:
    """What the model says to prompts without pictures, recorded once."""
    path = data.root / f"replies-{order.model}.jsonl"
    recorded = recorded_prompts(path)
    missing = [prompt for prompt in replay_prompts(data, order.pictures.languages) if prompt not in recorded]
    chosen = chance("replies").sample(missing, max(0, min(len(missing), order.recipe.replies - len(recorded))))
    if chosen:
        asyncio.run(_record(settings, order, chosen, path, say))
    return TextReplay(path)


async def _record(settings: Settings, order: Order, prompts: Sequence[str], path: Path, say: Say) -> None:
    product = _product_settings(order.model).language_model
    begun = load_preamble(product.system_prompt, product.examples, seen=True, today=date.today())
    model = EmbeddedModel(
        weight_store(settings).folder(order.model) / "model.gguf",
        name=order.model,
        context_tokens=product.context_tokens,
        threads=order.threads,
        cache_dir=settings.cache_dir / "compiled",
    )
    options = GenerationOptions(max_tokens=_REPLY_TOKENS, repetition_penalty=product.repetition_penalty)
    try:
        for first in range(0, len(prompts), _REPLIES):
            chosen = prompts[first : first + _REPLIES]
            asked = [Prompt((*begun, Message("user", prompt))) for prompt in chosen]
            replies = await model.generate_batch(asked, options)
            # a reply that was cut off would teach to stop in the middle
            texts = [reply.text.strip() if reply.finish_reason == "stop" else "" for reply in replies]
            write_replies(path, zip(chosen, texts, strict=True))
            say(f"{first + len(chosen)} of {len(prompts)} replies")
    finally:
        await model.close()
