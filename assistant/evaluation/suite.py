"""All tasks about pictures that a folder and the training data here allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from assistant.errors import ConfigError, WeightsMissingError
from assistant.evaluation.captions import captions
from assistant.evaluation.closed import counting, presence
from assistant.evaluation.documents import documents
from assistant.evaluation.drawings import scenes, signs
from assistant.evaluation.naming import class_names, load_photos, naming
from assistant.evaluation.task import Sampling, Task
from assistant.evaluation.visual_questions import Kind, load_questions, visual_questions
from assistant.training.data_store import DataStore
from assistant.training.shapes import Shapes
from assistant.training.signs import Signs
from assistant.vision.encoder import FeatureEncoder

FOLDERS = {"naming": "images", "presence": "vqa", "count": "vqa", "vqa": "vqa", "captions": "captions", "ocr": "ocr"}
"""Where in a folder of data a task's questions lie."""
TASKS = (*FOLDERS, "scenes", "signs")

_KINDS: dict[str, Kind] = {"presence": "presence", "count": "count", "vqa": "open"}
_DRAWN = 300
"""Questions about scenes, and about signs, where no limit is given."""


def build_tasks(
    wanted: Sequence[str],
    *,
    data: Path | None,
    store: DataStore,
    encoder: Callable[[], FeatureEncoder],
    sampling: Sampling,
    seed: int,
    say: Callable[[str], None],
) -> list[Task]:
    """The tasks of these names.

    Args:
        wanted: Of `TASKS`.
        data: A folder with any of images/, captions/, vqa/ and ocr/; None asks about drawings only.
        store: With fonts for signs, and with the nouns that are other names of photos' classes.
        encoder: Makes what names photos; only called where it is needed.
        sampling: Of each task's questions.
        seed: Of the drawings.
        say: Told what is left out, and why.

    Raises:
        ConfigError: Nothing is left to ask, or a line of a manifest is wrong.
        FileMissingError: A picture is not there.
    """
    tasks = []
    for name in wanted:
        folder = data / FOLDERS[name] if data is not None and name in FOLDERS else None
        if name in FOLDERS and (folder is None or not folder.is_dir()):
            say(f"{name} is left out: " + (f"there is no folder {folder}" if folder else "no folder of data is given"))
        elif name == "signs":
            try:
                tasks.append(signs(Signs(store, ("en",), misread=False), _drawn(sampling), seed=seed))
            except WeightsMissingError as error:
                say(f"{name} is left out: {error}; {error.hint}")
        elif name == "scenes":
            tasks.append(scenes(Shapes(("en",)), max(1, _drawn(sampling) // 6), seed=seed))
        else:
            assert folder is not None
            tasks.append(_of_folder(name, folder, store, encoder, sampling))
    if not any(task.questions for task in tasks):
        raise ConfigError("there is nothing to ask", hint=f"give a folder with any of {', '.join(sorted(set(FOLDERS.values())))}")
    return [task for task in tasks if task.questions]


def _of_folder(name: str, folder: Path, store: DataStore, encoder: Callable[[], FeatureEncoder], sampling: Sampling) -> Task:
    match name:
        case "naming":
            names_photos = encoder()
            return naming(load_photos(folder, names_photos, sampling), class_names(names_photos, store))
        case "captions":
            return captions(folder, sampling)
        case "ocr":
            return documents(folder, sampling)
        case _:
            make = {"presence": presence, "count": counting, "vqa": visual_questions}[name]
            return make(sampling.of(load_questions(folder)[_KINDS[name]]))


def _drawn(sampling: Sampling) -> int:
    return max(6, (sampling.limit or _DRAWN) // sampling.every)
