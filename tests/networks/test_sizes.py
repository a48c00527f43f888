from __future__ import annotations

import pytest
import torch

from keepgate import cells
from keepgate.networks import Recurrent


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("both", [False, True])
def test_names_and_widths_are_torchs(layers: int, both: bool):
    block = Recurrent(cells.get("lstm").equations, 5, 4, layers, bidirectional=both)
    oracle = torch.nn.LSTM(5, 4, layers, bidirectional=both)
    wanted = [name.removeprefix("weight_hh") for name, _ in oracle.named_parameters() if name.startswith("weight_hh")]
    assert block.suffixes == wanted
    output, (h, c) = oracle(torch.zeros(2, 3, 5))
    assert block.directions == (2 if both else 1)
    assert block.output_size == output.shape[-1]
    assert block.widths == {"h": h.shape[-1], "c": c.shape[-1]}
    assert len(block.suffixes) == len(h)


@pytest.mark.parametrize(
    ("cell", "widths", "output"),
    [("gru", {"h": 4}, 4), ("projected(lstm, 2)", {"h": 2, "c": 4}, 2), ("layer_norm(lstm)", {"h": 4, "c": 4}, 4)],
)
def test_widths_are_those_of_the_states(cell, widths, output):
    block = Recurrent(cells.get(cell).equations, 5, 4, bidirectional=True)
    assert block.widths == widths
    assert block.output_size == 2 * output
