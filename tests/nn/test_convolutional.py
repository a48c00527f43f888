"""`ConvLSTM` against a loop in plain torch, and what its layers share with all others."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from keepgate import nn as knn
from keepgate.errors import BackendError, InputError, KindError, ShapeError
from keepgate.maps import Convolution
from keepgate.testing.tolerances import assert_close

SPACES = {1: (7,), 2: (5, 6), 3: (2, 4, 3)}
BACKENDS = ["reference"]
CONVOLUTIONS = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}


def plain(x: Tensor, h: Tensor, c: Tensor, p: dict[str, Tensor], suffix: str, dims: int, peepholes: bool) -> Tensor:
    """One layer of Shi et al. 2015 over x [T, B, C, *space], written as most write it."""
    convolve, outputs = CONVOLUTIONS[dims], []
    weight = torch.cat([p[f"weight_ih{suffix}"], p[f"weight_hh{suffix}"]], 1)
    bias = p[f"bias_ih{suffix}"] + p[f"bias_hh{suffix}"]
    wide = {name: p[f"p_{name}{suffix}"].reshape(-1, *[1] * dims) if peepholes else 0.0 for name in "ifo"}
    for frame in x:
        i, f, g, o = convolve(torch.cat([frame, h], 1), weight, bias, padding=weight.shape[-1] // 2).chunk(4, 1)
        i, f = torch.sigmoid(i + wide["i"] * c), torch.sigmoid(f + wide["f"] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + wide["o"] * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def layer_of(*sizes: int, **options) -> knn.ConvLSTM:
    torch.manual_seed(0)
    return knn.ConvLSTM(*sizes, **options, dtype=torch.float64)


def gradients(module: nn.Module, *more: Tensor) -> list[Tensor]:
    leaves = [*module.parameters(), *more]
    found = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    assert all(gradient is not None for gradient in found)
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_stack_is_a_loop_of_convolutions(dims: int, cell: str, backend: str):
    layer = layer_of(2, 3, 3, num_layers=2, dims=dims, cell=cell, backend=backend)
    p = dict(layer.named_parameters())
    x = torch.randn(4, 2, 2, *SPACES[dims], dtype=torch.float64, requires_grad=True)
    start = [torch.randn(2, 2, 3, *SPACES[dims], dtype=torch.float64, requires_grad=True) for _ in range(2)]
    output, (h, c) = layer(x, tuple(start))
    wanted = x
    for number in range(2):
        state = (start[0][number], start[1][number])
        wanted = plain(wanted, *state, p, f"_l{number}", dims, "peephole" in cell)
    assert_close("output", output, wanted)
    assert_close("final h", h[1], wanted[-1])
    assert c.shape == start[1].shape
    cotangent = torch.randn_like(output)
    (output * cotangent).sum().backward()
    got = gradients(layer, x, *start)
    (wanted * cotangent).sum().backward()
    for value, other in zip(got, gradients(layer, x, *start), strict=True):
        assert_close("gradient", value, other)


def test_peepholes_of_each_place():
    layer = layer_of(2, 3, 3, cell="peephole_lstm", space=(5, 6))
    assert layer.p_f_l0.shape == (3, 5, 6)
    p = {name: value for name, value in layer.named_parameters() if not name.startswith("p_")}
    x, zero = torch.randn(4, 2, 2, 5, 6, dtype=torch.float64), torch.zeros(2, 3, 5, 6, dtype=torch.float64)
    outputs, h, c = [], zero, zero
    weight, bias = torch.cat([p["weight_ih_l0"], p["weight_hh_l0"]], 1), p["bias_ih_l0"] + p["bias_hh_l0"]
    for frame in x:
        i, f, g, o = nn.functional.conv2d(torch.cat([frame, h], 1), weight, bias, padding=1).chunk(4, 1)
        i, f = torch.sigmoid(i + layer.p_i_l0 * c), torch.sigmoid(f + layer.p_f_l0 * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + layer.p_o_l0 * c) * torch.tanh(c)
        outputs.append(h)
    assert_close("output", layer(x)[0], torch.stack(outputs))
    with pytest.raises(InputError, match=r"the vectors are of the space \(5, 6\), and the input of \(5, 7\)"):
        layer(torch.zeros(4, 2, 2, 5, 7, dtype=torch.float64))


def test_circular_padding_turns_with_its_input():
    layer = layer_of(2, 3, (3, 5), padding="circular", bidirectional=True)
    x = torch.randn(4, 2, 2, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        assert_close("output", layer(x.roll((1, 2), (-2, -1)))[0], layer(x)[0].roll((1, 2), (-2, -1)))
    assert not torch.allclose(layer_of(2, 3, 3)(x.roll(1, -1))[0], layer_of(2, 3, 3)(x)[0].roll(1, -1))


def test_layouts():
    layer = layer_of(2, 3, 3, num_layers=2, bidirectional=True)
    x = torch.randn(4, 2, 2, 5, 6, dtype=torch.float64)
    output, (h, c), states, gates = layer(x, return_states=True, return_gates=("f",))
    assert output.shape == (4, 2, 6, 5, 6)
    assert h.shape == c.shape == (4, 2, 3, 5, 6)
    assert states.c.shape == gates["f"].shape == (4, 4, 2, 3, 5, 6)
    assert_close("trace", states.h[-2:].transpose(0, 1), output.unflatten(2, (2, 3)).transpose(1, 2))
    turned = copy.deepcopy(layer)
    turned.batch_first = turned.state_batch_first = True
    again, (h_again, _), traces = turned(x.transpose(0, 1), return_states=True)
    assert_close("batch first", again.transpose(0, 1), output)
    assert_close("state", h_again.transpose(0, 1), h)
    assert traces.h.shape == (2, 4, 4, 3, 5, 6)
    alone, (h_alone, _) = layer(x[:, 1])
    assert_close("unbatched", alone, output[:, 1])
    assert_close("unbatched state", h_alone, h[:, 1])
    packed = pack_padded_sequence(x, torch.tensor([3, 4]), enforce_sorted=False)
    padded, _ = layer(x, lengths=torch.tensor([3, 4]))
    assert_close("packed", pad_packed_sequence(layer(packed)[0])[0], padded)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lengths_and_resets(backend: str):
    layer = layer_of(2, 3, 3, num_layers=2, bidirectional=True, backend=backend)
    x, lengths = torch.randn(5, 3, 2, 4, 6, dtype=torch.float64), torch.tensor([3, 5, 0])
    output, (h, _) = layer(x, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        assert not output[length:, row].any()
        if length:
            alone, (h_alone, _) = layer(x[:length, row])
            assert_close("alone", output[:length, row], alone)
            assert_close("its state", h[:, row], h_alone)
    reset = torch.zeros(5, 3, dtype=torch.bool)
    reset[2, 1] = True
    one_way = layer_of(2, 3, 3, backend=backend)
    got = one_way(x, reset=reset)[0]
    assert_close("after a reset", got[2:, 1], one_way(x[2:, 1])[0])
    assert_close("without", got[:, 0], one_way(x[:, 0])[0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "layer_norm(peephole_lstm)"])
def test_recomputing_gives_the_same_bits(cell: str, backend: str):
    found = []
    for recompute in (False, True):
        layer = layer_of(2, 3, 3, cell=cell, num_layers=2, bidirectional=True, recompute=recompute, backend=backend)
        x = torch.linspace(-1, 1, 9 * 2 * 2 * 4 * 5, dtype=torch.float64).sin().view(9, 2, 2, 4, 5).requires_grad_()
        layer(x)[0].square().sum().backward()
        found.append(gradients(layer, x))
    for kept, again in zip(*found, strict=True):
        assert torch.equal(kept, again)


def test_learned_states_and_projection():
    layer = layer_of(2, 4, 3, initial_state="learned", proj_size=3)
    assert layer.h_0_l0.shape == (3,)
    assert layer.weight_hr_l0.shape == (3, 4, 3, 3)
    output, (h, c) = layer(torch.randn(3, 2, 2, 5, 6, dtype=torch.float64))
    assert (output.shape, h.shape, c.shape) == ((3, 2, 3, 5, 6), (1, 2, 3, 5, 6), (1, 2, 4, 5, 6))
    output.sum().backward()
    assert all(value.abs().sum() > 0 for value in gradients(layer))


def test_dropout_between_layers_and_of_weights():
    layer = layer_of(2, 4, 3, num_layers=2, dropout=0.5, weight_drop=0.5)
    x = torch.randn(3, 2, 2, 5, 6, dtype=torch.float64)
    torch.manual_seed(1)
    first = layer(x)[0]
    torch.manual_seed(1)
    assert torch.equal(first, layer(x)[0])
    assert not torch.equal(first, layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_any_cell_takes_a_map():
    layer = knn.Recurrent("gru", 2, 3, map=Convolution(3, 1), batch_first=True)
    assert layer(torch.zeros(2, 4, 2, 9))[0].shape == (2, 4, 3, 9)
    assert "map=Convolution(kernel_size=(3,)" in repr(layer)
    state = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    assert state == {"weight_ih_l0": (9, 2, 3), "weight_hh_l0": (9, 3, 3), "bias_ih_l0": (9,), "bias_hh_l0": (9,)}
    torch.manual_seed(0)
    bound = (3 * 5) ** -0.5
    weight = knn.Recurrent("gru", 64, 3, map=Convolution(5, 1)).weight_ih_l0
    assert 0.9 * bound < weight.abs().max() <= bound


def test_it_is_copied_compiled_and_transformed():
    layer = layer_of(2, 3, 3)
    x = torch.randn(3, 2, 2, 4, 5, dtype=torch.float64)
    wanted = layer(x)[0]
    assert torch.equal(copy.deepcopy(layer)(x)[0], wanted)
    assert_close("vmap", torch.vmap(lambda row: layer(row)[0], 1, 1)(x), wanted)
    compiled = torch.compile(layer, backend="eager")
    assert_close("compiled", compiled(x)[0], wanted)
    (first,) = torch.autograd.grad(layer(x)[0].square().sum(), [layer.weight_hh_l0], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), [layer.weight_ih_l0])
    assert second.shape == layer.weight_ih_l0.shape
    assert bool(second.isfinite().all())


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 2, 3, 5), r"ConvLSTM: Expected input to be 4D or 5D, got 4D|input.size\(-3\) must be equal to input_size"),
        ((4, 2, 5, 5), r"input.size\(-3\) must be equal to input_size. Expected 3, got 2 in \(4, 2, 5, 5\)"),
        ((4, 2), r"ConvLSTM: Expected input to be 4D or 5D, got 2D of shape \(4, 2\)"),
    ],
)
def test_inputs_of_other_shapes_are_refused(shape, words):
    with pytest.raises(ShapeError, match=words):
        knn.ConvLSTM(3, 4, 3)(torch.zeros(shape))


def test_states_and_resets_of_other_shapes_are_refused():
    layer, x = knn.ConvLSTM(3, 4, 3), torch.zeros(4, 2, 3, 5, 6)
    with pytest.raises(ShapeError, match=r"Expected hidden state h of size \(1, 2, 4, 5, 6\), got \(1, 2, 4\)"):
        layer(x, (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)))
    with pytest.raises(ShapeError, match=r"expected reset of shape \(4, 2\) and dtype bool"):
        layer(x, reset=torch.zeros(4, 2, 5, 6, dtype=torch.bool))
    with pytest.raises(KindError, match="expected a map of keepgate"):
        knn.Recurrent("lstm", 2, 3, map=3)  # type: ignore[arg-type]


def test_what_is_for_matrices_alone_says_so():
    layer = knn.ConvLSTM(3, 4, 3)
    with pytest.raises(BackendError, match="the core multiplies with matrices, not with the map Convolution"):
        layer.stream()
    with pytest.raises(BackendError, match="a frozen layer multiplies with matrices, not with the map Convolution"):
        layer.frozen()
    with pytest.raises(InputError, match="RecurrentCell has matrices, not the map Convolution"):
        knn.RecurrentCell(layer.equations, 3, 4)
