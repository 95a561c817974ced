from __future__ import annotations

import torch
from torch import nn

from assistant.vision.connectors.projection import Linear, Mlp


def test_every_cell_is_projected_by_itself() -> None:
    cells_BPV = torch.randn(2, 9, 6)
    for body in (Linear(6, 3, 8), Mlp(6, 3, 8), Mlp(6, 3, 8, hidden_width=5)):
        tokens_BND = body(cells_BPV)
        assert tokens_BND.shape == (2, 9, 8)
        torch.testing.assert_close(body(cells_BPV[:, 4:5]), tokens_BND[:, 4:5])


def test_the_hidden_width_is_the_models_unless_told() -> None:
    widths = [[x.out_features for x in Mlp(6, 3, 8, hidden_width=h).project if isinstance(x, nn.Linear)] for h in (None, 5)]
    assert widths == [[8, 8], [5, 8]]
