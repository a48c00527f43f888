from __future__ import annotations

import numpy as np
import pytest

from keepgate import cells, networks
from keepgate.errors import InputError
from keepgate.networks import FLOAT, FLOAT64, INT64, Input, Network, Step, Value
from keepgate.runtime import Runner, Stream

LSTM = cells.get("lstm").equations


def runner(*steps, wanted, dtype=FLOAT):
    inputs = Input("x", Value(dtype, ("batch", "time", 3))), Input("lengths", Value(INT64, ("batch",)))
    network = Network(inputs, steps, wanted)
    random = np.random.default_rng(0)
    return Runner(network, {name: random.normal(size=p.shape) for name, p in network.parameters().items()})


STACKED = runner(
    Step("standardise", networks.Standardize(3), ("x",)),
    Step("stacked", networks.Stack(2), ("standardise", "lengths")),
    Step("recurrent", networks.Recurrent(LSTM, 6, 4, 2), ("stacked", "stacked.lengths")),
    Step("kept", networks.Dropout(0.5), ("recurrent",)),
    Step("output", networks.Linear(4, 2), ("kept",)),
    Step("scores", networks.Softmax(), ("output",)),
    wanted=("scores",),
    dtype=FLOAT64,
)


@pytest.mark.parametrize("steps", [7, 8, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("batch", [1, 2])
def test_pieces_together_are_the_whole(steps, size, batch):
    x = np.random.default_rng(1).normal(size=(batch, steps, 3))
    whole = STACKED.run({"x": x, "lengths": np.full(batch, steps)}, "scores")
    stream = Stream(STACKED, "x", "scores", batch)
    parts = [stream.feed(x[:, i : i + size]) for i in range(0, steps, size)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish(x[:, :0])], 1), whole, atol=1e-12)


def test_steps_that_make_no_whole_group_wait():
    stream = Stream(STACKED, "x", "scores")
    assert [stream.feed(np.zeros((1, 1, 3))).shape[1] for _ in range(3)] == [0, 1, 0]
    assert stream.finish(np.zeros((1, 0, 3))).shape == (1, 1, 2)


def test_an_empty_stream():
    stream = Stream(STACKED, "x", "scores")
    assert stream.feed(np.zeros((1, 0, 3))).shape == (1, 0, 2)
    assert stream.finish(np.zeros((1, 0, 3))).shape == (1, 0, 2)


@pytest.mark.parametrize(
    "block", [networks.Recurrent(LSTM, 3, 4, bidirectional=True), networks.Reverse(), networks.Pool("mean")], ids=str
)
def test_what_needs_the_future_is_refused(block):
    weights = Step("output", networks.Linear(3, 1), ("x",))  # so that the network has a dtype
    made = runner(Step("later", block, ("x", "lengths")), weights, wanted=("later", "output"))
    with pytest.raises(InputError, match="later"):
        Stream(made, "x", "later")


@pytest.mark.parametrize(
    ("piece", "words"),
    [(np.zeros((1, 2, 4)), r"^x has the shape \(1, 2, 4\)"), ("abc", "^x is no array of numbers"), (None, "x ")],
)
def test_pieces_of_another_shape_are_refused(piece, words):
    with pytest.raises(InputError, match=words):
        Stream(STACKED, "x", "scores").feed(piece)
