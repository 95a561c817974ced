"""`co_attention`: a picture's tokens and the question look at each other before the prompt has them (arXiv:1908.02265)."""

from __future__ import annotations

from torch import Tensor, nn

from assistant.vision.connector import WordVectors
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.connectors.gated_cross_attention import GatedBlock
from assistant.vision.encoder import Features


class CoAttention(nn.Module):
    """The tokens of `anchored`, changed by the words of the message that shows the picture, which have looked at them before.

    Where ViLBERT has six layers of a thousand numbers width, this has one, of few heads. Its gates start at 0: untrained, the
    tokens are those of `anchored`, whatever is asked. A later question about the picture finds the tokens of the first one: they
    stand in the prompt, and what the language model has read of it is not read again.
    """

    def __init__(self, anchored: Anchored, words: WordVectors, *, heads: int = 4) -> None:
        """Put both ways of looking around the tokens.

        Args:
            anchored: Makes the tokens.
            words: Of the language model.
            heads: Of each way, 64 wide each.
        """
        super().__init__()
        self.anchored = anchored
        self._words = words
        self.question, self.picture = (GatedBlock(words.width, heads=heads) for _ in range(2))

    def forward(self, features: Features) -> list[Tensor]:
        """See `Connector`."""
        tokens: list[Tensor] = self.anchored(features)
        if not features.questions:
            return tokens
        return [self._asked(tokens_ND, text) for tokens_ND, text in zip(tokens, features.questions, strict=True)]

    def _asked(self, tokens_ND: Tensor, text: str) -> Tensor:
        words_1LD = self._words(text).to(tokens_ND.device)[None]
        if not words_1LD.shape[1]:
            return tokens_ND
        tokens_1ND = tokens_ND[None]
        words_1LD = self.question(words_1LD, self.question.attention.keys_values(tokens_1ND))
        changed_1ND: Tensor = self.picture(tokens_1ND, self.picture.attention.keys_values(words_1LD))
        return changed_1ND[0]
