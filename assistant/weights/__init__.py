"""The weights box: which models exist, fetching them, and handing out only files that match their pinned sha256."""

from assistant.weights.catalogue import CATALOGUE, File, Model, Package, Part
from assistant.weights.pull import pull
from assistant.weights.shelf import Shelf
from assistant.weights.store import ModelStatus, WeightStore

__all__ = ["CATALOGUE", "File", "Model", "ModelStatus", "Package", "Part", "Shelf", "WeightStore", "pull"]
