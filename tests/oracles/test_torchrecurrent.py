"""Cells against those of torchrecurrent 0.2 (MIT licence), with the same weights: outputs, states and all gradients.

Each side computes in double precision from random weights and states. A row says which of our parameters theirs are
made of; biases that theirs has twice are given once, and the other is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import pytest
import torch
import torchrecurrent
from torch import Tensor
from torch.func import functional_call

from keepgate import cells
from keepgate.scan import reference
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

Tensors = dict[str, Tensor]
SETTING = Setting(steps=6, batch=3, inputs=4, hidden=5)


def rows(value: Tensor, order: str, gates: str) -> Tensor:
    """Return the blocks of rows in another order; `gates` names them as they are."""
    blocks = dict(zip(gates, value.chunk(len(gates)), strict=True))
    return torch.cat([blocks[gate] for gate in order])


def renamed(**names: str) -> Callable[[Tensors], Tensors]:
    return lambda p: {theirs: p[ours] for theirs, ours in names.items()}


def stacked(**names: tuple[str, ...]) -> Callable[[Tensors], Tensors]:
    return lambda p: {theirs: torch.cat([p[name] for name in ours]) for theirs, ours in names.items()}


class Row(NamedTuple):
    """The other's class, which of its parameters are ours under other names, and its options."""

    theirs: str
    differs: Callable[[Tensors], Tensors] = lambda p: {}
    options: Mapping[str, object] = MappingProxyType({})
    states: Callable[[Tensors], object] | None = None  # ours to theirs


BOTH = {"states": lambda s: (s["h"], s["c"])}
PEEPHOLES = stacked(weight_ph=("p_i", "p_f", "p_o"))


def _residual(p: Tensors) -> Tensors:
    gates, shortcut = p["weight_ih"][:20], p["weight_ih"][20:]
    return {"weight_ih": gates, "weight_res": shortcut, "weight_proj": p["weight_mh"], **PEEPHOLES(p)}


def _simple_gated(p: Tensors) -> Tensors:
    return {
        "weight_hh": torch.cat([p["weight_mh"], p["weight_hh"]]),
        "bias_hh": torch.cat([p["bias_mh"], p["bias_hh"]]),
    }


def _before(p: Tensors) -> Tensors:
    """Ours computes what the next step reads of an input together with what this one reads."""
    now, later = p["weight_ih"].chunk(2)
    return {"weight_ih": now, "weight_hh": later}


def _twice(p: Tensors) -> Tensors:
    nothing = torch.zeros_like(p["b_z"])
    return {"bias_ih": torch.cat([p["b_z"], p["b_n"]]), "bias_hh": torch.cat([nothing, nothing])}


def _without_bias_of_m(p: Tensors) -> Tensors:
    return {"bias_ih": torch.cat([torch.zeros(SETTING.hidden), p["bias_ih"]])}


def _working_memory(p: Tensors) -> Tensors:
    return {f"{kind}_mh": torch.cat([p[f"{kind}_ch"], p[f"{kind}_mh"]]) for kind in ("weight", "bias")}


ROWS: dict[str, Row] = {
    "atr": Row("ATRCell"),
    "brc": Row("BRCell", stacked(weight_hh=("w_a", "w_c"))),
    "nbrc": Row("NBRCell"),
    "cfn": Row("CFNCell"),
    "cornn(0.5, 2.0, 0.25)": Row("coRNNCell", options={"dt": 0.5, "gamma": 2.0, "epsilon": 0.25}, **BOTH),
    "fastrnn": Row("FastRNNCell"),
    "fastgrnn": Row("FastGRNNCell", _twice, {"nonlinearity": torch.sigmoid}),
    "indrnn": Row("IndRNNCell", renamed(vector_u="u"), {"nonlinearity": torch.relu}),
    "janet(0.5)": Row("JANETCell", lambda p: {"beta": torch.tensor(0.5).double()}, states=lambda s: (s["h"], s["h"])),
    "light_gru": Row("LiGRUCell"),
    "light_ru": Row("LightRUCell"),
    "mgu": Row("MGUCell"),
    "minimal_rnn": Row("MinimalRNNCell", renamed(weight_mm="weight_mh")),
    "multiplicative_lstm": Row("MultiplicativeLSTMCell", _without_bias_of_m, **BOTH),
    "mut2": Row("MUT2Cell"),
    "mut3": Row("MUT3Cell"),
    "nas": Row("NASCell", **BOTH),
    "peephole_lstm": Row("PeepholeLSTMCell", PEEPHOLES, **BOTH),
    "ran": Row("RANCell", lambda p: {"weight_ih": rows(p["weight_ih"], "gif", "ifg")}, **BOTH),
    "residual_lstm": Row("ResLSTMCell", _residual, **BOTH),
    "sgu": Row("SGUCell", _simple_gated, {"gate_nonlinearity": torch.sigmoid}),
    "dsgu": Row(
        "DSGUCell",
        lambda p: {**_simple_gated(p), "weight_ho": p["weight_uh"]},
        {"gate_nonlinearity": torch.sigmoid},
    ),
    "star": Row("STARCell"),
    "trnn": Row("TRNNCell", lambda p: {name: rows(p[name], "zf", "fz") for name in ("weight_ih", "bias_ih")}),
    "tgru": Row("TGRUCell", _before),
    "tlstm": Row("TLSTMCell", _before),
    "ugrnn": Row("UGRNNCell"),
    "unicornn(0.5, 2.0)": Row("UnICORNNCell", renamed(weight_hh="w", weight_ch="k"), {"dt": 0.5, "alpha": 2.0}, **BOTH),
    "working_memory_lstm": Row("WMCLSTMCell", _working_memory, **BOTH),
}


def outputs(row: Row, ours: Tensors, x: Tensor, state: Tensors) -> Tensor:
    """Return their outputs [T, B, H], from our parameters."""
    cell = getattr(torchrecurrent, row.theirs)(x.shape[-1], SETTING.hidden, dtype=torch.float64, **row.options)
    known = {name: ours[name] for name, value in cell.named_parameters() if ours.get(name, x).shape == value.shape}
    made = known | row.differs(ours)
    made |= {name: torch.zeros_like(value) for name, value in cell.named_parameters() if name not in made}
    last, found = row.states(state) if row.states else None if "u" in state else state["h"], []
    for step in x:
        last = functional_call(cell, made, (step, last))
        output, memory = last if isinstance(last, tuple) else (last, None)
        found.append(output)
        last = memory if isinstance(memory, tuple) else last
    return torch.stack(found)


@pytest.mark.parametrize("spec", ROWS)
def test_same_values_and_gradients(spec: str):
    row = ROWS[spec]
    tried = problem(spec, cells.get(spec).equations, SETTING)
    arguments = tried.arguments
    if "u" in tried.equations.states:  # of inputs that theirs keep and ours have multiplied
        state = {name: torch.zeros_like(value) for name, value in arguments.state.items()}
        arguments = replace(arguments, state=state)
    leaves = {name: value.clone().requires_grad_() for name, value in tried.parameters.items()}
    x = arguments.x.clone().requires_grad_()
    theirs = outputs(row, leaves, x, arguments.state)
    got = reference.scan(tried.equations, leaves, replace(arguments, x=x))
    output = got.recorded[tried.equations.states[0]]
    assert_close("output", output.detach(), theirs.detach())
    given = (x, *leaves.values())
    a = torch.autograd.grad((output * tried.d_output).sum(), given)
    b = torch.autograd.grad((theirs * tried.d_output).sum(), given)
    assert_all_close("gradient", dict(zip(("x", *leaves), a, strict=True)), dict(zip(("x", *leaves), b, strict=True)))
