"""The network of an ensemble: what each member has for itself, what all share, and the names of tensors."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import cells, networks
from keepgate.errors import InputError
from keepgate.networks import FLOAT, FLOAT64, Average, Input, Linear, Network, Softmax, Standardize, Step, Value
from keepgate.runtime import Runner

RANDOM = np.random.default_rng(0)
LSTM = cells.get("lstm").equations
ONE = Network(
    (Input("x", Value(FLOAT64, ("batch", 3))),),
    (
        Step("standardise", Standardize(3), ("x",)),
        Step("hidden", Linear(3, 4), ("standardise",)),
        Step("again", Linear(4, 4), ("hidden",)),
        Step("output", Linear(4, 2), ("again",)),
        Step("probabilities", Softmax(), ("output",)),
    ),
    ("probabilities",),
)


def tensors(network):
    found = {n: RANDOM.normal(size=p.shape) for n, p in network.parameters().items()}
    return found | {n: np.ones(1) for n in found if n.endswith("output.scale") or n == "output.scale"}


def single(network, whole, member):
    return {name: whole[networks.of_member(name, member, whole)] for name in network.parameters()}


@pytest.mark.parametrize("probabilities", [True, False])
def test_an_ensemble_is_the_mean_of_its_members(probabilities):
    many = networks.ensemble(ONE, 3, {"output": Average(probabilities)})
    whole = tensors(many)
    x = {"x": RANDOM.normal(size=(5, 3))}
    members = [Runner(ONE, single(ONE, whole, k)) for k in range(3)]
    if probabilities:
        wanted = np.mean([one.run(x, "probabilities") for one in members], 0)
    else:
        scores = np.exp(np.mean([one.run(x, "output") for one in members], 0))
        wanted = scores / scores.sum(1, keepdims=True)
    np.testing.assert_allclose(Runner(many, whole).run(x, "probabilities"), wanted, rtol=1e-12)


def test_scores_are_scaled_after_they_are_averaged():
    many = networks.ensemble(ONE, 2, {"output": Average(probabilities=True)})
    whole = tensors(many)
    x = {"x": RANDOM.normal(size=(5, 3))}
    before = Runner(many, whole).run(x, "output")
    np.testing.assert_allclose(Runner(many, whole | {"output.scale": np.array([0.5])}).run(x, "output"), before / 2)


def test_impossible_answers_of_one_member_stay_finite():
    many = networks.ensemble(ONE, 2, {"output": Average(probabilities=True)})
    whole = tensors(many)
    whole["member.0.output.bias"] = np.array([2000.0, -2000.0])
    whole["member.1.output.bias"] = np.array([-2000.0, 2000.0])
    np.testing.assert_allclose(Runner(many, whole).run({"x": np.zeros((1, 3))}, "probabilities"), [[0.5, 0.5]])


def test_what_nothing_learned_precedes_is_shared():
    names = [step.name for step in networks.ensemble(ONE, 2, {"output": Average()}).steps]
    assert names == [
        *("standardise", "member.0.hidden", "member.1.hidden", "member.0.again", "member.1.again"),
        *("member.0.output", "member.1.output", "output", "probabilities"),
    ]


def test_what_was_learned_elsewhere_is_shared():
    names = [step.name for step in networks.ensemble(ONE, 2, {"output": Average()}, ("hidden",)).steps]
    assert names[:3] == ["standardise", "hidden", "member.0.again"]


def test_each_member_has_states_of_its_own():
    layers = networks.Recurrent(LSTM, 3, 2)
    one = Network(
        (Input("x", Value(FLOAT, ("batch", "time", 3))), *layers.initial()),
        (Step("recurrent", layers, ("x", "", "state.h", "state.c")), Step("output", Linear(2, 1), ("recurrent",))),
        ("output",),
    )
    many = networks.ensemble(one, 2, {"output": Average()})
    assert [entry.name for entry in many.inputs] == [
        *("x", "member.0.state.h", "member.0.state.c", "member.1.state.h", "member.1.state.c")
    ]
    assert many.by_name["member.1.recurrent"].sources == ("x", "", "member.1.state.h", "member.1.state.c")
    assert Network.from_json(many.to_json()).to_json() == many.to_json()


def test_tensors_of_an_ensemble_come_from_its_members():
    many = networks.ensemble(ONE, 2, {"output": Average()})
    members = [{name: (k, name) for name in ONE.parameters()} for k in range(2)]
    found = networks.merged([*many.parameters()], members)
    assert found["member.1.again.bias"] == [(1, "again.bias")]
    assert found["standardise.mean"] == [(0, "standardise.mean"), (1, "standardise.mean")]
    assert found["output.scale"] == []


def test_values_of_different_shapes_have_no_mean():
    with pytest.raises(InputError, match="values of one shape"):
        Average().read([Value(FLOAT, ("batch", 2)), Value(FLOAT, ("batch", 3))])
