"""Every deliberate error, drawn as a tree.

    AssistantError
    ├── InputError                      the caller can mend it
    │   ├── EmptyTurnError              empty_turn
    │   ├── InvalidTextError            invalid_text
    │   ├── TextTooLongError            text_too_long
    │   ├── FileMissingError            file_not_found
    │   ├── UnsupportedMediaError       unsupported_media
    │   ├── UnreadableMediaError        unreadable_media
    │   ├── MediaTooLargeError          media_too_large
    │   ├── UnsupportedLanguageError    unsupported_language
    │   └── ContextLengthError          context_length_exceeded
    ├── NotFoundError                   not_found
    ├── EngineError                     a model stage failed
    │   ├── RecognitionError            recognition_failed
    │   ├── VisionError                 vision_failed
    │   ├── GenerationError             generation_failed
    │   └── SynthesisError              synthesis_failed
    ├── WeightsError                    a weight file is not as pinned
    │   ├── WeightsMissingError         weights_missing
    │   ├── WeightsCorruptError         weights_corrupt
    │   ├── WeightsMismatchError        weights_mismatch
    │   └── WeightsDownloadError        weights_download_failed
    ├── StorageError                    storage_failed
    │   └── StorageFullError            storage_full
    ├── MissingDependencyError          missing_dependency
    └── ConfigError                     invalid_config

A door catches `AssistantError` once and renders `code`, message and hint. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class AssistantError(Exception):
    """What happened (`str(error)`), a stable `code`, the HTTP status it maps to, and what to do next (`hint`)."""

    code: ClassVar[str] = "assistant_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(AssistantError):
    """The caller sent something that cannot be answered, and can mend it."""

    code = "invalid_input"
    status = 400


class EmptyTurnError(InputError):
    """A turn holds no words, no sound and no picture."""

    code = "empty_turn"
    status = 422


class InvalidTextError(InputError):
    """Text is not valid Unicode."""

    code = "invalid_text"
    status = 422


class TextTooLongError(InputError):
    """Text is longer than the limit."""

    code = "text_too_long"
    status = 413


class FileMissingError(InputError):
    """A named file does not exist or cannot be opened."""

    code = "file_not_found"
    status = 404


class UnsupportedMediaError(InputError):
    """The bytes are of a kind that is not accepted."""

    code = "unsupported_media"
    status = 415


class UnreadableMediaError(InputError):
    """The bytes claim an accepted kind and cannot be decoded."""

    code = "unreadable_media"
    status = 422


class MediaTooLargeError(InputError):
    """Bytes, seconds, pixels or memory pass their limit."""

    code = "media_too_large"
    status = 413


class UnsupportedLanguageError(InputError):
    """No engine at hand speaks or hears the language."""

    code = "unsupported_language"
    status = 422


class ContextLengthError(InputError):
    """The prompt does not fit the language model's context."""

    code = "context_length_exceeded"
    status = 400


class NotFoundError(AssistantError):
    """A session, a turn or an attachment does not exist."""

    code = "not_found"
    status = 404


class EngineError(AssistantError):
    """A model stage failed; the turn may be tried again."""

    code = "engine_failed"
    status = 502
    retryable = True


class RecognitionError(EngineError):
    """Speech recognition failed."""

    code = "recognition_failed"


class VisionError(EngineError):
    """Looking at a picture failed."""

    code = "vision_failed"


class GenerationError(EngineError):
    """The language model failed."""

    code = "generation_failed"


class SynthesisError(EngineError):
    """Speaking failed; the text of the reply still stands."""

    code = "synthesis_failed"


class WeightsError(AssistantError):
    """A model's weights cannot be used."""

    code = "weights_error"
    status = 503


class WeightsMissingError(WeightsError):
    """Weights are not on this machine yet."""

    code = "weights_missing"


class WeightsCorruptError(WeightsError):
    """A weight file differs from its pinned sha256 or cannot be parsed."""

    code = "weights_corrupt"


class WeightsMismatchError(WeightsError):
    """A file was made for other weights than those in use."""

    code = "weights_mismatch"


class WeightsDownloadError(WeightsError):
    """Weights could not be fetched."""

    code = "weights_download_failed"
    retryable = True


class StorageError(AssistantError):
    """The database or the attachment folder failed."""

    code = "storage_failed"
    status = 503
    retryable = True


class StorageFullError(StorageError):
    """The disk is full; nothing was half written."""

    code = "storage_full"
    status = 507


class MissingDependencyError(AssistantError):
    """An optional package is not installed."""

    code = "missing_dependency"
    status = 501


class ConfigError(AssistantError):
    """A setting is unknown or has a wrong value."""

    code = "invalid_config"
