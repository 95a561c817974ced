"""Why a reply was given: where the model looked, and what happens to the reply when something is left out or covered."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from assistant.dialogue.compose import Percept
from assistant.protocols import AttentiveModel, LanguageModel, VisionEncoder
from assistant.types import Attention, Evidence, Explanation, Image, Message, Prompt, PromptPosition, Source, StoredTurn, VisualPart

_GREY = 127
_NUMBER = re.compile(r"\[Picture (\d+):")
_HAN = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


async def explain(
    turn: StoredTurn,
    images: Sequence[Image],
    *,
    compose: Callable[[Percept], Awaitable[Prompt]],
    preamble: int,
    vision: VisionEncoder,
    model: LanguageModel,
    grid: int = 4,
) -> Explanation:
    """What a stored reply rests on.

    A cell of a picture is covered with grey (arXiv:1311.2901) and everything is looked at anew: notes change as visual tokens do.

    Args:
        turn: With a reply.
        images: Its pictures.
        compose: Makes the prompt as it was for the turn, of what was said and seen.
        preamble: How many messages the prompt begins with before the conversation.
        vision: Looks at covered pictures.
        model: Scores the reply; where it looked is told only by an `AttentiveModel`.
        grid: Cells along each side of a picture.

    Raises:
        EngineError: A model failed.
    """
    percept = Percept(turn.user_text, turn.evidence, tuple(images))
    prompt = await compose(percept)

    async def score(changed: Prompt) -> float:
        (log_probability,) = await model.score(changed, [turn.reply_text])
        return log_probability

    whole = await score(prompt)
    without = {}
    for name, changed in _without(prompt, turn.user_text):
        without[name] = whole - await score(changed)
    # the experts may have changed since: what is covered is compared with what they see now where nothing is
    later = [item.read_later for item in turn.evidence]

    async def look(number: int, image: Image) -> Evidence:
        return replace((await vision.encode(image)).evidence, read_later=later[number])

    percept = replace(percept, evidence=tuple([await look(number, image) for number, image in enumerate(images)]))
    uncovered = await score(await compose(percept)) if images else whole
    occlusion = []
    for number, image in enumerate(images):
        cells = []
        for covered in _covered(image, grid):
            evidence = await look(number, covered)
            changed_percept = replace(
                percept,
                evidence=(*percept.evidence[:number], evidence, *percept.evidence[number + 1 :]),
                images=(*percept.images[:number], covered, *percept.images[number + 1 :]),
            )
            cells.append(uncovered - await score(await compose(changed_percept)))
        occlusion.append(tuple(tuple(cells[row * grid : (row + 1) * grid]) for row in range(grid)))
    explanation = Explanation(turn, model.name, whole, occlusion=tuple(occlusion), without=without)
    if isinstance(model, AttentiveModel):
        attention = await model.attention(prompt, turn.reply_text)
        sources, words = _shares(attention, prompt, turn, preamble)
        explanation = replace(explanation, sources=sources, words=words)
    return explanation


def _without(prompt: Prompt, said: str) -> Iterator[tuple[str, Prompt]]:
    """The prompt with something left out of its last message."""
    *before, last = prompt.messages
    notes = last.text != said
    bare = replace(last, images=(), numbers=())
    if notes:
        yield "notes", Prompt((*before, replace(last, text=said)))
    if last.images:
        yield "visual tokens", Prompt((*before, bare))
    if notes and last.images:
        yield "pictures", Prompt((*before, replace(bare, text=said)))


def _covered(image: Image, grid: int) -> Iterator[Image]:
    """The picture with one cell after the other grey, row by row."""
    pixels_HWC = image.pixels_HWC
    rows, columns = (np.linspace(0, side, grid + 1).round().astype(int) for side in pixels_HWC.shape[:2])
    for row in range(grid):
        for column in range(grid):
            covered_HWC = pixels_HWC.copy()
            covered_HWC[rows[row] : rows[row + 1], columns[column] : columns[column + 1]] = _GREY
            yield Image(covered_HWC, f"{image.sha256}-{grid}x{grid}-{row}-{column}")


def _shares(
    attention: Attention, prompt: Prompt, turn: StoredTurn, preamble: int
) -> tuple[tuple[Source, ...], tuple[tuple[str, tuple[float, ...]], ...]]:
    """The sources of the prompt, and each word of the reply with their shares."""
    places = list(_places(attention.positions, prompt.messages, turn, preamble))
    sources = list(dict.fromkeys(places))
    weights_RS = np.zeros((len(attention.reply), len(sources)), np.float32)
    for position, source in enumerate(places[1:], start=1):  # the first position is a sink
        weights_RS[:, sources.index(source)] += attention.weights_RT[:, position]
    weights_RS /= np.maximum(weights_RS.sum(axis=1, keepdims=True), 1e-9)
    words = tuple((word, tuple(weights_RS[rows].mean(axis=0).tolist())) for word, rows in _words(attention.reply))
    shares_S = np.mean([shares for _, shares in words], axis=0)
    return tuple(replace(source, share=float(share)) for source, share in zip(sources, shares_S, strict=True)), words


def _places(positions: Sequence[PromptPosition], messages: Sequence[Message], turn: StoredTurn, preamble: int) -> Iterator[Source]:
    """What each position belongs to, with no share yet."""
    last = len(messages) - 1
    own = [n for n, position in enumerate(positions) if position.message == last]
    visual = [n for n in own if positions[n].picture is not None]
    words = range(visual[-1] + 1 if visual else own[0], own[-1] + 1)
    statements = _statements(b"".join(positions[n].text for n in words), messages[last].text, turn)
    picture = read_bytes = 0
    for n, position in enumerate(positions):
        if position.message != last:
            earlier = preamble <= position.message < last
            yield Source("earlier", "earlier turns", 0.0) if earlier else Source("instructions", "instructions", 0.0)
        elif position.picture is not None:
            picture = position.picture + 1
            part = position.part or VisualPart("visual tokens", 1)
            yield Source("picture", part.name, 0.0, position.picture, part.boxes)
        elif n not in words:
            yield Source("picture", "its number", 0.0, picture)
        else:
            yield next(source for end, source in statements if read_bytes < end)
            read_bytes += len(position.text)


def _statements(words: bytes, text: str, turn: StoredTurn) -> list[tuple[int, Source]]:
    """Where each statement of the notes, and the question between them, ends in the words of a message, in bytes."""
    end = max(0, words.find(text.encode()))
    found = list(re.finditer(rf"(?m)^{re.escape(turn.user_text)}$\n?", text)) if turn.user_text else []
    asked = found[-1].span() if found else (len(text), len(text))
    question = Source("question", turn.user_text, 0.0)
    ends = []
    for stretch, own in ((text[: asked[0]], False), (text[asked[0] : asked[1]], True), (text[asked[1] :], False)):
        for line in [stretch] if own else stretch.splitlines(keepends=True):
            number = _NUMBER.match(line)
            # a note on an earlier picture, read since, is about none of the turn's
            picture = int(number[1]) - turn.pictures_before - 1 if number and int(number[1]) > turn.pictures_before else None
            for statement in [line] if own else re.split(r"(?<=; )", line):
                end += len(statement.encode())
                ends.append((end, question if own else Source("note", statement.strip(" ;[]\n"), 0.0, picture)))
    return [*ends, (sys.maxsize, ends[-1][1] if ends else question)]


def _words(tokens: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Words of a text in tokens, and which tokens they are; a token without a space before it goes on with the word."""
    start = 0
    for n in range(1, len(tokens) + 1):
        if n == len(tokens) or tokens[n][:1].isspace() or _HAN.match(tokens[n]):
            if word := "".join(tokens[start:n]).strip():
                yield word, slice(start, n)
            start = n
