"""DropConnect of recurrent weights (Merity et al. 2018) against the plain layer with masks drawn again by NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.equations import noise
from keepgate.nn import LSTM, Recurrent
from keepgate.scan import engines

BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]
RATE = 0.4


def run(layer: LSTM, x: torch.Tensor, seed: int) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    output, (h, c) = layer(x)
    return [output, h, c]


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_is_the_plain_layer_with_masked_weights(backend: str):
    layer = LSTM(4, 6, 2, bidirectional=True, weight_drop=RATE, dtype=torch.float64, backend=backend)
    plain = LSTM(4, 6, 2, bidirectional=True, dtype=torch.float64, backend=backend)
    torch.manual_seed(7)
    seed = int(torch.randint(2**31, ()))
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    masks = {}
    for row, suffix in enumerate(("l0", "l0_reverse", "l1", "l1_reverse")):
        kept = noise.bernoulli(noise.stream_key(seed + row, -1), 0, 24, 6, 1 - RATE)
        masks[f"weight_hh_{suffix}"] = torch.from_numpy(kept) / (1 - RATE)
        assert 0.3 < np.mean(kept == 0) < 0.5
    plain.load_state_dict({name: value * masks.get(name, 1.0) for name, value in state.items()})
    x = torch.randn(5, 3, 4, dtype=torch.float64)
    got, wanted = run(layer, x, 7), run(plain, x, 7)
    torch.testing.assert_close(got, wanted)
    gradients = [
        torch.autograd.grad(sum(v.sum() for v in out), list(m.parameters()))
        for out, m in ((got, layer), (wanted, plain))
    ]
    for (name, _), mine, theirs in zip(layer.named_parameters(), *gradients, strict=True):
        torch.testing.assert_close(mine, theirs * masks.get(name, 1.0))


def test_same_seed_same_bits_and_evaluation_has_whole_weights():
    layer, plain = LSTM(4, 6, weight_drop=RATE), LSTM(4, 6)
    plain.load_state_dict(layer.state_dict(), strict=True)
    x = torch.randn(5, 3, 4)
    runs = [run(layer, x, seed)[0] for seed in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(run(layer.eval(), x, 1)[0], run(plain, x, 1)[0])


def test_the_torch_form_of_the_mask_is_the_kernels(monkeypatch: pytest.MonkeyPatch):
    layer, x = LSTM(4, 17, weight_drop=RATE), torch.randn(5, 3, 4)
    kernels = run(layer, x, 3)
    monkeypatch.setattr("keepgate.nn.dropout.core.missing", lambda: "not built")
    layer.backend = "reference"
    for mine, theirs in zip(run(layer, x, 3), kernels, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(
    ("cell", "names"),
    [("lstm", ["weight_hh"]), ("peephole_lstm_full", ["weight_ch"]), ("projected(lstm, 3)", ["weight_hh"])],
)
def test_it_drops_what_multiplies_a_state(cell: str, names: list[str]):
    layer = Recurrent(cell, 4, 6, weight_drop=RATE)
    x = torch.randn(5, 3, 4)
    touched = []
    gradients = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    for (name, _), gradient in zip(layer.named_parameters(), gradients, strict=True):
        if (gradient == 0).any():
            touched.append(name.removesuffix("_l0"))
    assert touched == names
