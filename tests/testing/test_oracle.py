"""The program in NumPy against torch's own LSTM and GRU: what it says of lengths, resets and directions."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from keepgate import cells
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_close

MODULES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def as_torch(cell: str, setting: Setting):
    """Return the problem, and torch's module with its weights and leaves."""
    tried = problem(cell, cells.get(cell).equations, setting)
    module = MODULES[cell](setting.inputs, setting.hidden, dtype=torch.float64)
    module.load_state_dict({f"{name}_l0": value for name, value in tried.parameters.items()})
    x = tried.arguments.x.clone().requires_grad_()
    state = [value[None].clone().requires_grad_() for value in tried.arguments.state.values()]
    return tried, module, x, state


@pytest.mark.parametrize("lengths", [None, (5, 2, 4)])
@pytest.mark.parametrize("cell", MODULES)
def test_values_and_gradients_are_torchs(cell: str, lengths):
    tried, module, x, state = as_torch(cell, Setting(lengths=lengths))
    hx = tuple(state) if len(state) > 1 else state[0]
    if lengths is None:
        output, final = module(x, hx)
    else:
        packed, final = module(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False), hx)
        output = pad_packed_sequence(packed, total_length=5)[0]
    final = dict(zip(tried.arguments.state, final if len(state) > 1 else [final], strict=True))
    loss = (output * tried.d_output).sum() + sum((final[k][0] * d).sum() for k, d in tried.d_final.items())
    found = solve(tried)
    assert_close("output", found.output, output.detach())
    for name, value in final.items():
        assert_close(f"final {name}", found.final[name], value[0].detach())
    names = [name.removesuffix("_l0") for name, _ in module.named_parameters()]
    wanted = torch.autograd.grad(loss, [x, *state, *module.parameters()])
    for name, value in zip(["x", *(f"initial {k}" for k in final), *names], wanted, strict=True):
        assert_close(name, found.gradients[name], value[0] if name.startswith("initial") else value)


def test_a_reset_is_a_walk_of_its_own_from_the_initial_state():
    setting = Setting(steps=6, batch=1)
    tried, module, x, state = as_torch("lstm", setting)
    tried.arguments.reset = torch.tensor([[False], [False], [True], [False], [False], [True]])
    parts = [module(x[part], tuple(state)) for part in (slice(0, 2), slice(2, 5), slice(5, 6))]
    assert_close("output", solve(tried).output, torch.cat([output for output, _ in parts]).detach())
    assert_close("final c", solve(tried).final["c"], parts[-1][1][1][0].detach())


def test_the_other_direction_is_the_sequence_turned_round():
    tried, module, x, state = as_torch("gru", Setting())
    tried.arguments.reverse = True
    output, final = module(x.flip(0), state[0])
    assert_close("output", solve(tried).output, output.flip(0).detach())
    assert_close("final", solve(tried).final["h"], final[0].detach())


def test_nothing_to_walk_gives_the_initial_state_and_its_cotangent():
    tried = problem("lstm", cells.get("lstm").equations, Setting(batch=2, lengths=(0, 0)))
    found = solve(tried)
    assert not found.output.any()
    for name in ("h", "c"):
        assert torch.equal(found.final[name], tried.arguments.state[name])
        assert torch.equal(found.gradients[f"initial {name}"], tried.d_final[name])
    assert not any(found.gradients[name].any() for name in ("x", *tried.parameters))
