from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize
from keepgate.tasks.common.pretrained import begin_with, go_on_from
from tasks.tiny import TINY, fit


class Network(nn.Module):
    def __init__(self, cell="lstm", inputs=2, hidden=3, standardise=True, **options):
        super().__init__()
        if standardise:
            self.standardise = Standardize(inputs)
        self.recurrent = Recurrent(cell, inputs, hidden, **options)


def test_weights_and_the_scale_they_were_learned_for_are_copied():
    source, network = Network(), Network()
    source.standardise.fit([np.array([[1.0, 2.0], [5.0, 8.0]])])
    begin_with("runs/a", source, network)
    for name, value in source.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    with torch.no_grad():
        network.recurrent.weight_ih_l0.zero_()
    assert source.recurrent.weight_ih_l0.any()  # a copy, not the same tensor


@pytest.mark.parametrize("standardised", [(True, False), (False, True), (False, False)])
def test_a_network_without_a_scale_takes_the_weights_alone(standardised):
    source, network = (Network(standardise=one) for one in standardised)
    begin_with("runs/a", source, network)
    assert torch.equal(network.recurrent.weight_hh_l0, source.recurrent.weight_hh_l0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "gru"}, "this one 1 x 3 units of gru in one direction over 2 inputs"),
        ({"hidden": 4}, "this one 1 x 4 units of lstm"),
        ({"inputs": 5}, "over 5 inputs"),
        ({"num_layers": 2}, "this one 2 x 3 units of lstm"),
        ({"bidirectional": True}, "this one 1 x 3 units of lstm in both directions"),
    ],
)
def test_another_network_is_refused_and_left_alone(options, words):
    source, network = Network(), Network(**options)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(InputError, match=f"^init=runs/a: that run has 1 x 3 units of lstm in one direction .*{words}"):
        begin_with("runs/a", source, network)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_a_run_without_recurrent_layers():
    with pytest.raises(InputError, match=r"^init=runs/a: that run has no recurrent layers to begin with$"):
        begin_with("runs/a", nn.Linear(1, 1), Network())


def test_rows_are_taken_over_by_their_names():
    source, network = nn.Linear(2, 3), nn.Linear(2, 4)
    before = network.weight[1].tolist()
    names = (["a", "b", "c"], ["c", "new", "a", "b"])
    go_on_from("runs/a", nn.Sequential(source), nn.Sequential(network), {"0": names})
    assert network.weight[[0, 2, 3]].tolist() == source.weight[[2, 0, 1]].tolist()
    assert network.bias[[0, 2, 3]].tolist() == source.bias[[2, 0, 1]].tolist()
    assert network.weight[1].tolist() == before


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Linear(3, 2), r"this network has weight \(2, 3\) and that run weight \(2, 2\)"),
        (nn.Linear(2, 2), r"that run has bias, which this network lacks"),
    ],
)
def test_other_sizes_are_refused(network, words):
    source = nn.Linear(2, 2)
    if "lacks" in words:
        network = nn.Linear(2, 2, bias=False)
    with pytest.raises(InputError, match=f"^init=runs/a: {words}"):
        go_on_from("runs/a", source, network)


FURTHER = ("segment", "suggest", "transcribe", "transcribe ink", "translate", "write", "write bytes", "write subwords")
STILL = {"learning_rate": 1e-12, "weight_decay": 0.0}


@pytest.mark.parametrize("name", FURTHER)
def test_a_fit_goes_on_from_all_weights_of_a_run(name, tmp_path, monkeypatch):
    """At a rate of nearly zero they are what they were."""
    first, _ = fit(name, tmp_path / "first")
    first.save(tmp_path / "run")
    tiny = TINY[name]
    monkeypatch.setitem(TINY, name, replace(tiny, options={**tiny.options, **STILL, "init": str(tmp_path / "run")}))
    second, _ = fit(name, tmp_path / "second")
    own = second.network_.state_dict()
    for tensor, value in first.network_.state_dict().items():
        torch.testing.assert_close(own[tensor], value, rtol=1e-6, atol=1e-6, msg=tensor)


def test_a_new_label_begins_anew(tmp_path, monkeypatch):
    first, _ = fit("transcribe", tmp_path / "first")
    first.save(tmp_path / "run")
    further = {**STILL, "init": str(tmp_path / "run"), "freeze": True}
    monkeypatch.setitem(
        TINY, "transcribe", replace(TINY["transcribe"], options={**TINY["transcribe"].options, **further})
    )
    monkeypatch.setattr(
        Path, "write_text", lambda path, text, write=Path.write_text: write(path, text.replace("ba", "xa"))
    )
    second, _ = fit("transcribe", tmp_path / "second")
    assert (first.symbols_, second.symbols_) == (["a", "b"], ["a", "b", "x"])
    weights = [one.network_.state_dict()["output.weight"] for one in (first, second)]
    torch.testing.assert_close(weights[1][:3], weights[0], atol=1e-6, rtol=1e-6)
    learned = {name for name, parameter in second.network_.named_parameters() if parameter.requires_grad}
    assert learned == {"output.weight", "output.bias"}


def test_a_run_of_another_task_is_refused(tmp_path, monkeypatch):
    fit("write", tmp_path / "first")[0].save(tmp_path / "run")
    options = {**TINY["segment"].options, "init": str(tmp_path / "run")}
    monkeypatch.setitem(TINY, "segment", replace(TINY["segment"], options=options))
    with pytest.raises(InputError, match="holds a model for 'write', not for 'segment'"):
        fit("segment", tmp_path / "second")
