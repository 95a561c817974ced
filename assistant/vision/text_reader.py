"""Reads the text in a picture: PP-OCR models through RapidOCR, English and Chinese, on one machine, nothing fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rapidocr
from numpy.typing import NDArray
from rapidocr.ch_ppocr_det import TextDetOutput

from assistant.errors import WeightsMissingError
from assistant.types import Label
from assistant.vision.image import shrink

_MAX_SIDE_PX = 2000
"""Lines are cut from a copy no larger than this."""
_DETECTION_SIDE_PX = 736
"""Text is looked for in a copy of this size: receipts read as well as at 1280, and a photo without text costs a third."""
_MIN_SIDE_PX = 8


class TextReader:
    """Finds lines of text and reads them, in reading order."""

    def __init__(self, *, threads: int = 1) -> None:
        """Load the models that ship inside the package.

        Args:
            threads: Of the neural networks.

        Raises:
            WeightsMissingError: The installed RapidOCR lacks its models; they are never fetched.
        """
        folder = Path(rapidocr.__file__).parent / "models"
        detector, recognizer = folder / "PP-OCRv6_det_small.onnx", folder / "PP-OCRv6_rec_small.onnx"
        if not (detector.is_file() and recognizer.is_file()):
            raise WeightsMissingError("the installed rapidocr has no models inside", hint="pip install --force-reinstall rapidocr")
        self._engine = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.max_side_len": _MAX_SIDE_PX,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.model_path": str(detector),
                "Det.limit_type": "max",
                "Det.limit_side_len": _DETECTION_SIDE_PX,
                "Rec.model_path": str(recognizer),
                "Rec.rec_batch_num": 1,  # no padding to the longest line
            }
        )

    def read(self, pixels_HWC: NDArray[np.uint8], *, at_most: int, at_least: float) -> tuple[Label, ...]:
        """The lines, from top to bottom and left to right, with the reader's confidence.

        Args:
            pixels_HWC: The picture.
            at_most: How many lines to read; the time grows with them.
            at_least: Lines read with less confidence are left out.
        """
        if min(pixels_HWC.shape[:2]) < _MIN_SIDE_PX:
            return ()
        bgr_HWC = np.ascontiguousarray(shrink(pixels_HWC, max_side_px=_MAX_SIDE_PX)[:, :, ::-1])
        places = self._engine(bgr_HWC, use_rec=False)
        if not isinstance(places, TextDetOutput) or places.boxes is None:
            return ()
        read = self._engine.recognize_txt(self._engine.crop_text_regions(bgr_HWC, places.boxes[:at_most]))
        lines = zip(read.txts or (), read.scores or (), strict=True)
        return tuple(Label(text.strip(), float(score)) for text, score in lines if text.strip() and score >= at_least)
