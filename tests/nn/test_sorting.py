from __future__ import annotations

import pytest
import torch

from keepgate.nn.sorting import sort_rows
from keepgate.scan import ENGINES, Arguments

SORTS = ENGINES["native"]


def arguments(lengths):
    generator = torch.Generator().manual_seed(0)
    B = len(lengths)
    return Arguments(
        x=torch.randn(4, B, 2, generator=generator),
        state={"h": torch.randn(2, B, 3, generator=generator)},
        lengths=torch.tensor(lengths),
        reset=torch.rand(4, B, generator=generator) < 0.5,
        step_inputs={"gap": torch.randn(4, B, 1, generator=generator)},
    )


@pytest.mark.parametrize("lengths", [[1, 4, 0, 3], [2, 3], [0, 0, 1]])
def test_rows_fall_in_length_and_come_back(lengths):
    given = arguments(lengths)
    found, _ = sort_rows(given, SORTS)
    by_hand = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    assert found.lengths.tolist() == [lengths[b] for b in by_hand]
    assert found.falling
    rows = found.rows.tolist()
    assert sorted(rows) == list(range(len(lengths)))
    for new, b in enumerate(rows):
        assert torch.equal(found.x[:, new], given.x[:, b])
        assert torch.equal(found.state["h"][:, new], given.state["h"][:, b])
        assert torch.equal(found.reset[:, new], given.reset[:, b])
        assert torch.equal(found.step_inputs["gap"][:, new], given.step_inputs["gap"][:, b])


@pytest.mark.parametrize("lengths", [[4, 3, 0], [2], [3, 3]])
def test_rows_that_fall_already_are_left_where_they_are(lengths):
    given = arguments(lengths)
    found, order = sort_rows(given, SORTS)
    assert found.falling
    assert order.rows is None
    assert found.x is given.x


def test_engines_that_take_any_order_get_any_order():
    given = arguments([1, 4])
    found, order = sort_rows(given, ENGINES["reference"])
    assert found is given
    assert order.rows is None
    without = Arguments(x=given.x, state=given.state)
    assert sort_rows(without, SORTS)[0] is without
