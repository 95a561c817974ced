from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from assistant.errors import ContextLengthError, EmptyTurnError, WeightsMissingError
from assistant.language.embedded import EmbeddedModel
from assistant.types import Generated, GenerationOptions, Image, Message, Prompt, VisualPart, VisualTokens
from tests.language.tiny_models import save_tiny_chat_model

SYSTEM = Message("system", "You are a helpful assistant.")
PROMPT = Prompt((SYSTEM, Message("user", "What is the capital of France?")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chat_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> EmbeddedModel:
    return EmbeddedModel(folder, name="tiny", context_tokens=400, threads=1)


async def last_of(model: EmbeddedModel, prompt: Prompt, options: GenerationOptions) -> tuple[str, Generated]:
    pieces = [piece async for piece in model.generate(prompt, options)]
    return "".join(piece.text for piece in pieces), pieces[-1]


async def test_scores_are_the_sums_of_the_log_probabilities_of_all_positions(model: EmbeddedModel, folder: Path) -> None:
    reference: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = [{"role": message.role, "content": message.text} for message in PROMPT.messages]
    start = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    expected = []
    for candidate in ("Paris", "Paris is the capital", ""):
        prompt = tokenizer.encode(start, add_special_tokens=False)
        ids = torch.tensor([[*prompt, *tokenizer.encode(candidate, add_special_tokens=False), tokenizer.eos_token_id]])
        with torch.inference_mode():
            chances = torch.log_softmax(reference(ids).logits[0], -1)
        expected.append(sum(float(chances[i - 1, ids[0, i]]) for i in range(len(prompt), ids.shape[1])))
    scores = await model.score(PROMPT, ("Paris", "Paris is the capital", ""))
    # The decoder's weights and activations are rounded to 8 bits.
    assert scores == pytest.approx(expected, rel=0.08, abs=1.0)
    assert sorted(range(3), key=scores.__getitem__) == sorted(range(3), key=expected.__getitem__)


async def test_a_batch_says_what_single_prompts_say(model: EmbeddedModel) -> None:
    prompts = [Prompt((SYSTEM, Message("user", "yes " * n))) for n in (1, 9, 4)]
    options = GenerationOptions(max_tokens=1)
    single = [await last_of(model, prompt, options) for prompt in prompts]
    batch = await model.generate_batch(prompts, options)
    assert [reply.text for reply in batch] == [text for text, _ in single]
    assert [reply.usage.prompt_tokens for reply in batch if reply.usage] == [
        piece.usage.prompt_tokens for _, piece in single if piece.usage
    ]


async def test_a_batch_may_be_constrained_and_larger_than_what_runs_at_once(model: EmbeddedModel) -> None:
    prompts = [Prompt((Message("user", f"{n}?"),)) for n in range(20)]
    replies = await model.generate_batch(prompts, GenerationOptions(choices=("yes", "no")))
    assert {reply.text for reply in replies} <= {"yes", "no"}
    assert len(replies) == 20
    assert await model.generate_batch([], GenerationOptions()) == ()


async def test_a_warm_model_has_read_the_system_message(model: EmbeddedModel) -> None:
    system = Message("system", "You are the warm one. " * 8)
    await model.warm_up([system])
    _, last = await last_of(model, Prompt((system, Message("user", "Hi"))), GenerationOptions(max_tokens=1))
    assert last.usage is not None
    assert last.usage.cached_tokens > model.count_tokens([system]) - 8


async def test_what_was_read_ahead_is_not_given_up_to_read_its_beginning_ahead(model: EmbeddedModel) -> None:
    system, ahead = Message("system", "You are the far-sighted one. " * 8), Message("user", "A long picture. " * 12)
    await model.warm_up([system, ahead])
    await model.warm_up([system, Message("user", "")])
    _, last = await last_of(model, Prompt((system, replace(ahead, text=f"{ahead.text}\nWhat?"))), GenerationOptions(max_tokens=1))
    assert last.usage is not None
    assert last.usage.cached_tokens > model.count_tokens([system, ahead]) - 16


async def test_sessions_that_take_turns_keep_their_prefixes(model: EmbeddedModel) -> None:
    sessions = [(SYSTEM, Message("user", word * 20)) for word in ("red ", "green ")]
    options = GenerationOptions(max_tokens=2)
    for _ in range(2):
        for messages in sessions:
            _, last = await last_of(model, Prompt(messages), options)
            assert last.usage is not None
    assert last.usage is not None
    assert last.usage.cached_tokens == last.usage.prompt_tokens - 1


async def test_a_candidate_that_does_not_fit_is_refused_and_the_model_goes_on(model: EmbeddedModel) -> None:
    with pytest.raises(ContextLengthError):
        await model.score(PROMPT, ["yes", "Paris " * 800])
    assert len(await model.score(PROMPT, ["yes"])) == 1


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        EmbeddedModel(tmp_path / "none.gguf", name="none", context_tokens=64, threads=1)


async def test_visual_tokens_take_their_place_in_the_prompt(folder: Path) -> None:
    looks = 0

    def look(image: Image, question: str) -> VisualTokens:
        nonlocal looks
        looks += 1
        value = 1.0 if image.sha256 == "bright" else -1.0
        return VisualTokens(np.full((5, 64), value, np.float32))

    # in float32, as the second look finds a part of the prompt in the cache
    seeing = EmbeddedModel(folder, name="tiny", context_tokens=400, threads=1, full_precision=True, visual_tokens=look)
    pixels = np.zeros((2, 2, 3), np.uint8)
    numbered = Prompt((Message("user", "Picture 1: What is this?"),))
    scores = []
    for sha256 in ("bright", "dark", "bright"):
        prompt = Prompt((Message("user", "What is this?", (Image(pixels, sha256),)),))
        scores.append((await seeing.score(prompt, ["yes"]))[0])
        _, last = await last_of(seeing, prompt, GenerationOptions(max_tokens=1))
        assert last.usage is not None
        assert last.usage.prompt_tokens == seeing.count_tokens(prompt.messages) == seeing.count_tokens(numbered.messages) + 5
    assert scores[0] == pytest.approx(scores[2], abs=1e-3)
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)
    assert looks == 9


def looked_at(image: Image, question: str) -> VisualTokens:
    """A picture that is seen between the layers: it shines on the second of the two."""
    light = 1.0 if image.sha256 == "bright" else -1.0

    def look(layer: int, stream_LD: NDArray[np.float32]) -> None:
        stream_LD[:, :32] += layer * light

    return VisualTokens(np.zeros((0, 0), np.float32), look=look)


BRIGHT, DARK = (Image(np.zeros((2, 2, 3), np.uint8), sha256) for sha256 in ("bright", "dark"))


async def test_a_picture_that_is_looked_at_takes_no_place_and_the_cache_knows_which_it_was(folder: Path) -> None:
    seeing = EmbeddedModel(folder, name="tiny", context_tokens=400, threads=1, full_precision=True, visual_tokens=looked_at)
    prompts = [Prompt((SYSTEM, Message("user", "What is this?", (image,)))) for image in (BRIGHT, DARK, BRIGHT)]
    scores = [(await seeing.score(prompt, ["yes"]))[0] for prompt in prompts]
    assert scores[0] == pytest.approx(scores[2], abs=1e-3)
    assert scores[0] != pytest.approx(scores[1], abs=1e-2)
    numbered = Message("user", "Picture 1: What is this?")
    assert seeing.count_tokens(prompts[0].messages) == seeing.count_tokens((SYSTEM, numbered))
    _, last = await last_of(seeing, prompts[1], GenerationOptions(max_tokens=1))
    assert last.usage is not None
    assert 0 < last.usage.cached_tokens < seeing.count_tokens((SYSTEM, Message("user", "Picture 1: ")))
    await seeing.close()


async def test_what_looks_at_pictures_says_the_same_turn_by_turn_at_once_and_beside_others(folder: Path) -> None:
    def model() -> EmbeddedModel:
        return EmbeddedModel(folder, name="tiny", context_tokens=400, threads=1, full_precision=True, visual_tokens=looked_at)

    options, seeing = GenerationOptions(max_tokens=5), model()
    messages: tuple[Message, ...] = (SYSTEM,)
    prompts, said = list[Prompt](), list[str]()
    for text, images in (("What is this?", (BRIGHT,)), ("And these?", (DARK, BRIGHT)), ("Why?", ())):
        prompts.append(Prompt((*messages, Message("user", text, images))))
        reply, last = await last_of(seeing, prompts[-1], options)
        assert last.usage is not None and (not said or last.usage.cached_tokens > 20)
        said.append(reply)
        messages = (*prompts[-1].messages, Message("assistant", reply))
    fresh = model()
    together = await fresh.generate_batch(prompts, options)
    assert [reply.text for reply in together] == said
    assert (await last_of(fresh, prompts[-1], options))[0] == said[-1]
    await seeing.close()
    await fresh.close()


@pytest.mark.weights
async def test_smollm2_knows_the_capital_of_france(weights_dir: Callable[[str], Path]) -> None:
    file = weights_dir("smollm2-135m-instruct") / "model.gguf"
    model = EmbeddedModel(file, name="smollm2", context_tokens=1024, threads=2)
    text, _ = await last_of(model, PROMPT, GenerationOptions(max_tokens=24))
    assert "Paris" in text
    paris, rome = await model.score(PROMPT, ["The capital of France is Paris.", "The capital of France is Rome."])
    assert paris > rome


async def test_attention_is_told_for_every_position_of_the_prompt(folder: Path) -> None:
    parts = (VisualPart("start", 1), VisualPart("cell", 2, ((0.0, 0.0, 1.0, 0.5),)))

    def look(image: Image, question: str) -> VisualTokens:
        return VisualTokens(np.ones((3, 64), np.float32), parts)

    seeing = EmbeddedModel(folder, name="tiny", context_tokens=400, threads=1, visual_tokens=look)
    image = Image(np.zeros((2, 2, 3), np.uint8), "ab")
    prompt = Prompt((SYSTEM, Message("user", "What is this?", (image, image))))
    attention = await seeing.attention(prompt, "The answer is yes.")
    again = await seeing.attention(prompt, "The answer is yes.")
    assert "".join(attention.reply) == "The answer is yes."
    assert attention.weights_RT.shape == (len(attention.reply), len(attention.positions))
    assert attention.weights_RT[0].sum() == pytest.approx(1, abs=1e-3)
    assert 0 < attention.weights_RT[-1].sum() < 1
    assert np.allclose(attention.weights_RT, again.weights_RT, atol=0.02)  # the second time the prompt is in the cache
    visual = [(position.picture, position.part) for position in attention.positions if position.picture is not None]
    assert visual == [(n, part) for n in (0, 1) for part in (parts[0], parts[1], parts[1])]
    words = b"".join(position.text for position in attention.positions if position.message == 1)
    assert words == b"user\nPicture 1: Picture 2: What is this?\n"
    assert await seeing.score(prompt, ["yes"]) == pytest.approx(await seeing.score(prompt, ["yes"]), abs=1e-6)
    with pytest.raises(EmptyTurnError):
        await seeing.attention(prompt, "")
    await seeing.close()
