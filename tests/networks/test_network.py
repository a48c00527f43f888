"""A network refuses what does not fit it, in one sentence; and a file's description is read as a hostile one may be."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest

from keepgate import cells
from keepgate.errors import KeepgateError
from keepgate.networks import FLOAT, FLOAT64, INT64, Input, Last, Linear, Network, Pool, Recurrent, Step, Value
from keepgate.networks import Standardize as Standard
from keepgate.runtime import Runner

X = Input("x", Value(FLOAT64, ("batch", "time", 3)))
LENGTHS = Input("lengths", Value(INT64, ("batch",)))
LAYERS = Recurrent(cells.get("lstm").equations, 3, 4)
STEPS = (
    Step("standardise", Standard(3), ("x",)),
    Step("recurrent", LAYERS, ("standardise", "lengths")),
    Step("last", Last(1), ("recurrent.h",)),
    Step("output", Linear(4, 2), ("last",)),
)
NETWORK = Network((X, LENGTHS), STEPS, ("output",))

WRONG = {
    "a width": (
        (*STEPS[:3], Step("output", Linear(5, 2), ("last",))),
        r"'output' \(Linear\): expected .*, 5\]",
    ),
    "a name that is taken": ((*STEPS, Step("last", Last(1), ("recurrent.h",))), "'last' is taken"),
    "a later value": ((Step("output", Linear(4, 2), ("last",)), *STEPS[:3]), "reads 'last', which no step before"),
    "a source too few": ((*STEPS[:2], Step("output", Pool("max"), ("recurrent",))), "it reads x, lengths"),
    "a tie to nothing": ((*STEPS[:3], Step("output", Linear(4, 2, tied="e.weight"), ("last",))), "'e.weight' of its"),
    "a dtype": ((Step("output", Linear(3, 2), ("x",)),), "got float64"),
    "tensors of no step": (
        (*STEPS[:3], Step("output", Linear(4, 2), ("last",), "absent")),
        "'absent', which is no step",
    ),
    "no name": ((*STEPS[:3], Step("../output", Linear(4, 2), ("last",))), "is no name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_named(name: str):
    steps, message = WRONG[name]
    with pytest.raises(KeepgateError, match=message):
        Network((X, LENGTHS), steps, ("output",))


@pytest.mark.parametrize(
    ("block", "field"), [(Linear, (0, 2)), (Linear, (3, True)), (Linear, (2**40, 1)), (Pool, ("sum",))]
)
def test_sizes_are_checked(block, field):
    with pytest.raises(KeepgateError, match=block.__name__):
        block(*field)


def test_only_what_is_wanted_is_computed():
    assert [step.name for step in NETWORK.between(["x", "lengths"], ["recurrent.h"])] == ["standardise", "recurrent"]
    assert [step.name for step in NETWORK.between(["last"], ["output"])] == ["output"]
    with pytest.raises(KeepgateError, match="lengths, x must be given"):
        NETWORK.between([], ["output"])
    with pytest.raises(KeepgateError, match="no value 'y'"):
        NETWORK.between(["y"], ["output"])


def test_tensors_are_compared_with_the_description():
    tensors = {name: np.zeros(p.shape, np.float32) for name, p in NETWORK.parameters().items()}
    NETWORK.check(tensors)
    for name, message in ((("output.bias"), "output.bias .* is missing"), ("more", "'more' is none"), ("odd", "shape")):
        changed = dict(tensors)
        if name == "more":
            changed["more"] = np.zeros(1)
        elif name == "odd":
            changed["output.bias"] = np.zeros(3)
        else:
            del changed[name]
        with pytest.raises(KeepgateError, match=message):
            Runner(NETWORK, changed)


def test_a_runner_says_what_it_was_given():
    tensors = {name: np.zeros(p.shape, np.float32) for name, p in NETWORK.parameters().items()}
    with pytest.raises(KeepgateError, match=r"x has the shape \(1, 2, 4\); expected float64 \[batch, time, 3\]"):
        Runner(NETWORK, tensors).run({"x": np.zeros((1, 2, 4)), "lengths": [2]}, "output")


def _places(data, path=()):
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


def test_a_damaged_description_is_refused_in_one_sentence():
    """Any one place of the JSON becomes something else: it is another network, or refused by a KeepgateError."""
    plain = json.loads(json.dumps(NETWORK.to_json()))
    places = [place for place in _places(plain) if place]
    chance = random.Random(0)
    messages = []
    for place in chance.sample(places, min(400, len(places))):
        damaged = copy.deepcopy(plain)
        inner = damaged
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = chance.choice([None, -1, 2**70, "x", [], {}, [[]], True, 1.5, "a" * 10_000, float("nan")])
        try:
            Network.from_json(damaged)
        except KeepgateError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert max(map(len, messages)) < 1000
    for nothing in (None, 3, [], "x", {}):
        with pytest.raises(KeepgateError):
            Network.from_json(nothing)


def test_sequences_of_another_dtype_are_told():
    with pytest.raises(KeepgateError, match="expected float"):
        Network((Input("x", Value(FLOAT, ("batch", 3))),), (Step("r", LAYERS, ("x",)),), ())
