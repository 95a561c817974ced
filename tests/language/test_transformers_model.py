from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.smolvlm import processing_smolvlm

from assistant.errors import GenerationError, MissingDependencyError, WeightsCorruptError, WeightsMissingError
from assistant.language.transformers_chat import TransformersChat
from assistant.language.transformers_model import TransformersModel
from assistant.types import Generated, GenerationOptions, Image, Message, Prompt
from tests.language.tiny_models import save_tiny_chat_model
from tests.language.tiny_seeing_models import KINDS, save_tiny_seeing_model

PROMPT = Prompt((Message("system", "You are a helpful assistant."), Message("user", "What is the capital of France?")))
NOISE, WIDE = (Image(np.random.default_rng(w).integers(0, 256, (60, w, 3), dtype=np.uint8), str(w)) for w in (40, 110))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chat_model(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def chat(folder: Path) -> TransformersModel:
    return TransformersModel(folder, device="cpu")


@pytest.fixture(scope="module", params=KINDS)
def eyes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that sees."""
    return save_tiny_seeing_model(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def seeing(eyes: Path) -> TransformersModel:
    return TransformersModel(eyes, device="cpu", name="eyes")


async def pieces_of(model: TransformersModel, prompt: Prompt, options: GenerationOptions) -> list[Generated]:
    return [piece async for piece in model.generate(prompt, options)]


def rendered(folder: Path) -> list[int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": message.role, "content": message.text} for message in PROMPT.messages]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer.encode(text, add_special_tokens=False))


async def test_the_greedy_reply_is_what_the_library_generates(chat: TransformersModel, folder: Path) -> None:
    reference: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([rendered(folder)])
    whole = reference.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False, pad_token_id=0)
    expected = str(tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True))
    text = "".join(piece.text for piece in await pieces_of(chat, PROMPT, GenerationOptions(max_tokens=16)))
    # The stream holds back a character that is cut at the end.
    assert expected.rstrip("\ufffd") == text.rstrip("\ufffd")


async def test_scores_are_the_sums_of_the_log_probabilities_of_all_positions(chat: TransformersModel, folder: Path) -> None:
    reference: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = rendered(folder)
    expected = []
    for candidate in ("Paris", "Paris is the capital", ""):
        ids = torch.tensor([[*prompt, *tokenizer.encode(candidate, add_special_tokens=False), tokenizer.eos_token_id]])
        with torch.inference_mode():
            chances = torch.log_softmax(reference(ids).logits[0], -1)
        expected.append(sum(float(chances[i - 1, ids[0, i]]) for i in range(len(prompt), ids.shape[1])))
    assert await chat.score(PROMPT, ("Paris", "Paris is the capital", "")) == pytest.approx(expected, abs=1e-3)


def conversation(*replies: str) -> Prompt:
    """Two pictures in two turns, then a question about both; as many turns as there are replies, and one more."""
    asked = (
        Message("user", "What is this?", (NOISE,)),
        Message("user", "And this?", (WIDE,), (2,)),
        Message("user", "Which is wider?"),
    )
    said = [message for pair in zip(asked, (Message("assistant", reply) for reply in replies), strict=False) for message in pair]
    return Prompt((Message("system", "Look well."), *said, asked[len(replies)]))


async def test_what_is_said_of_two_pictures_is_what_the_library_generates(seeing: TransformersModel, eyes: Path) -> None:
    prompt = conversation("Noise.", "Noise too.")
    config: Any = AutoConfig.from_pretrained(eyes)
    config.model_type = "one that must be read all at once"
    chat = TransformersChat(str(eyes), config, sees=True, local_files_only=True)
    read = chat.read(prompt.messages)
    reference: Any = AutoModelForImageTextToText.from_pretrained(eyes)
    whole = reference.generate(torch.tensor([read.ids]), **read.whole, max_new_tokens=16, do_sample=False, pad_token_id=0)
    expected = str(chat.tokenizer.decode(whole[0, len(read.ids) :], skip_special_tokens=True))
    text = "".join(piece.text for piece in await pieces_of(seeing, prompt, GenerationOptions(max_tokens=16)))
    assert expected.rstrip("\ufffd") == text.rstrip("\ufffd")


async def test_three_turns_with_two_pictures_are_the_same_cached_and_uncached(seeing: TransformersModel, eyes: Path) -> None:
    options = GenerationOptions(max_tokens=12)
    replies, pieces, read_before = list[str](), list[Generated](), 0
    for turn in range(3):
        pieces = await pieces_of(seeing, conversation(*replies), options)
        replies.append("".join(piece.text for piece in pieces))
        usage = pieces[-1].usage
        assert usage is not None
        if turn and "qwen3" not in eyes.name:  # whose deeper layers are given pictures too
            assert usage.cached_tokens >= read_before
        read_before = usage.prompt_tokens
    fresh = TransformersModel(eyes, device="cpu")
    again = await pieces_of(fresh, conversation(*replies[:2]), options)
    assert "".join(piece.text for piece in again) == replies[2]
    assert again[-1].usage is not None
    assert again[-1].usage.cached_tokens == 0


async def test_other_pictures_and_another_order_of_them_are_another_prompt(seeing: TransformersModel) -> None:
    scores = []
    for images in ((NOISE, WIDE), (WIDE, NOISE), (NOISE,), (), (NOISE, WIDE)):
        prompt = Prompt((Message("user", "What is this?", images),))
        scores.append((await seeing.score(prompt, ["yes"]))[0])
    assert scores[0] == pytest.approx(scores[-1], abs=1e-3)
    assert len({round(score, 2) for score in scores}) == 4


async def test_words_after_a_picture_do_not_use_what_was_read_with_it(seeing: TransformersModel) -> None:
    blind = Prompt((Message("user", "What is this? " * 3),))
    before = await seeing.score(blind, ["yes", "no"])
    await pieces_of(seeing, conversation("Noise."), GenerationOptions(max_tokens=3))
    assert await seeing.score(blind, ["yes", "no"]) == pytest.approx(before, abs=1e-3)


async def test_a_picture_with_more_places_than_features_is_named(tmp_path: Path) -> None:
    folder = save_tiny_seeing_model("idefics3", tmp_path)
    config = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({**config, "image_seq_len": 5}))
    model = TransformersModel(folder, device="cpu")
    with pytest.raises(GenerationError, match="picture 7 has 25 places in the prompt and 20 features"):
        await pieces_of(model, Prompt((Message("user", "What is this?", (NOISE,), (7,)),)), GenerationOptions())
    assert await pieces_of(model, Prompt((Message("user", "Hello."),)), GenerationOptions(max_tokens=3))


def test_a_package_that_a_processor_wants_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processing_smolvlm, "num2words", None)
    with pytest.raises(MissingDependencyError, match="num2words"):
        TransformersModel(save_tiny_seeing_model("smolvlm", tmp_path), device="cpu")


async def test_a_blind_model_leaves_pictures_to_the_words(chat: TransformersModel) -> None:
    assert not chat.sees
    assert chat.count_tokens([Message("user", "Look.", (NOISE,))]) == chat.count_tokens([Message("user", "Look.")])


def test_a_place_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        TransformersModel(tmp_path / "none")
    with pytest.raises((WeightsMissingError, WeightsCorruptError)):
        TransformersModel(tmp_path)


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsMissingError):
        TransformersModel(tmp_path)


def test_a_model_without_a_chat_template_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(WeightsCorruptError, match="chat template"):
        TransformersModel(tmp_path)
