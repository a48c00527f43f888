"""What a layer refuses: what was expected and what came, with the types of torch's own errors."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from keepgate.equations import Cell, tanh
from keepgate.errors import CellError, InputError
from keepgate.nn import GRU, LSTM, RNN, Recurrent
from keepgate.scan import engines

X = torch.zeros(5, 3, 4)
BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]


def states(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(shape), torch.zeros(shape)


# What is called, with torch's module in its place too: both refuse.
AS_TORCH = {
    "input of one dimension": (lambda m: m(4, 6)(torch.zeros(4)), "Expected input to be 2D or 3D, got 1D"),
    "input of four dimensions": (lambda m: m(4, 6)(X[None]), "Expected input to be 2D or 3D, got 4D"),
    "too many features": (lambda m: m(3, 6)(X), r"Expected 3, got 4"),
    "another dtype": (lambda m: m(4, 6)(X.double()), "dtype"),
    "integers": (lambda m: m(4, 6)(X.long()), "dtype"),
    "a state of another batch": (lambda m: m(4, 6)(X, states(1, 2, 6)), r"Expected hidden.*\(1, 3, 6\).*2, 6"),
    "a state of another size": (lambda m: m(4, 6)(X, states(1, 3, 5)), r"Expected hidden.*\(1, 3, 6\).*3, 5"),
    "a state of another depth": (lambda m: m(4, 6, 2)(X, states(1, 3, 6)), r"Expected hidden.*\(2, 3, 6\).*1, 3, 6"),
    "an unbatched state": (lambda m: m(4, 6)(X, states(1, 6)), None),
    "a batched state of unbatched input": (lambda m: m(4, 6)(X[:, 0], states(1, 3, 6)), None),
    "a state of another dtype": (lambda m: m(4, 6)(X, tuple(s.double() for s in states(1, 3, 6))), None),
    "no hidden units": (lambda m: m(4, 0), "hidden_size must be at least 1, got 0|greater than zero"),
    "no layers": (lambda m: m(4, 6, 0), "num_layers must be at least 1, got 0|greater than zero"),
    "hidden units that are no integer": (lambda m: m(4, 6.0), "hidden_size should be of type int, got: float"),
    "dropout above one": (lambda m: m(4, 6, dropout=1.5), "probability"),
    "dropout that is no number": (lambda m: m(4, 6, dropout="0.5"), None),
    "dropout that is true": (lambda m: m(4, 6, dropout=True), None),
    "a projection that is no smaller": (lambda m: m(4, 6, proj_size=6), "smaller than hidden_size"),
    "a negative projection": (lambda m: m(4, 6, proj_size=-1), None),
}


@pytest.mark.parametrize("mistake", AS_TORCH)
def test_refused_as_by_torch(mistake: str):
    call, message = AS_TORCH[mistake]
    with pytest.raises((ValueError, RuntimeError, TypeError)) as torchs:
        call(nn.LSTM)
    with pytest.raises((ValueError, RuntimeError, TypeError), match=message) as ours:
        call(LSTM)
    assert isinstance(ours.value, type(torchs.value))
    assert "\n" not in str(ours.value)


class Fixed(Cell):
    def step(self, x, last):
        return self.State(h=tanh(last.h))


OWN = {
    "a cell without parameters": (lambda: Recurrent(Fixed, 4, 6), ValueError, "^Fixed has no parameters, so it is no "),
    "a negative input": (lambda: LSTM(-1, 6), InputError, "^input_size must be at least 0, got -1$"),
    "an input that is no integer": (lambda: LSTM("4", 6), TypeError, "^input_size should be of type int, got: str$"),
    "layers that are no integer": (lambda: LSTM(4, 6, 1.0), TypeError, "^num_layers should be of type int"),
    "an unknown cell": (lambda: Recurrent("lstn", 4, 6), InputError, "^unknown cell 'lstn'; there are "),
    "an unknown nonlinearity": (lambda: RNN(4, 6, nonlinearity="elu"), InputError, "^nonlinearity is one of tanh, "),
    "a projection of the GRU": (lambda: Recurrent("gru", 4, 6, proj_size=2), ValueError, "cannot be projected"),
    "no tensor": (lambda: LSTM(4, 6)([1.0]), TypeError, "expected a tensor or a PackedSequence as input, got list$"),
    "one state of two": (lambda: LSTM(4, 6)(X, states(1, 3, 6)[0]), TypeError, r"as a tuple \(h, c\), got Tensor$"),
    "three states": (lambda: LSTM(4, 6)(X, states(1, 3, 6) * 2), TypeError, r"\(h, c\), got tuple of 4$"),
    "two states of one": (lambda: GRU(4, 6)(X, states(1, 3, 6)), TypeError, "initial state h as a tensor, got tuple$"),
    "lengths beyond the end": (lambda: LSTM(4, 6)(X, lengths=[5, 6, 1]), ValueError, "from 0 to T=5, got 1 to 6$"),
    "negative lengths": (lambda: LSTM(4, 6)(X, lengths=[-1, 2, 1]), ValueError, "from 0 to T=5, got -1 to 2$"),
    "too few lengths": (lambda: LSTM(4, 6)(X, lengths=[5, 5]), ValueError, r"lengths of shape \(3,\).*got \(2,\)"),
    "lengths that are no integers": (lambda: LSTM(4, 6)(X, lengths=[5.0, 5, 5]), ValueError, "of torch.float32$"),
    "a reset of another shape": (
        lambda: LSTM(4, 6)(X, reset=torch.zeros(5, 2, dtype=torch.bool)),
        ValueError,
        r"^expected reset of shape \(5, 3\) and dtype bool, got \(5, 2\) of torch.bool$",
    ),
    "a reset that is no boolean": (lambda: LSTM(4, 6)(X, reset=torch.zeros(5, 3)), ValueError, "of torch.float32$"),
    "no step input": (
        lambda: LSTM(4, 6, cell="time_aware_lstm")(X),
        InputError,
        "^time_aware_lstm takes the step inputs elapsed; got none$",
    ),
    "a step input too many": (
        lambda: LSTM(4, 6)(X, step_inputs={"elapsed": X[..., :1]}),
        InputError,
        "^lstm takes the step inputs none; got elapsed$",
    ),
    "a step input of another shape": (
        lambda: LSTM(4, 6, cell="time_aware_lstm")(X, step_inputs={"elapsed": X[..., 0]}),
        ValueError,
        r"step input elapsed of size \(5, 3, 1\), got \(5, 3\)$",
    ),
    "step inputs of a packed sequence": (
        lambda: LSTM(4, 6)(pack_sequence([X[:, 0]]), step_inputs={"elapsed": X}),
        InputError,
        "^step inputs go with a padded input and lengths, not with a PackedSequence$",
    ),
    "a forget bias that is no number": (
        lambda: LSTM(4, 6, forget_bias="1"),
        InputError,
        "^forget_bias is the number at which the forget gate's bias begins, got '1'$",
    ),
    "a forget bias without biases": (
        lambda: LSTM(4, 6, bias=False, forget_bias=1.0),
        InputError,
        "^forget_bias needs bias=True: ",
    ),
    "a forget bias of a cell without": (
        lambda: LSTM(4, 6, cell="coupled_lstm", forget_bias=1.0),
        CellError,
        "^coupled_lstm has no forget gate f with a bias of its own, so forget_bias has no place$",
    ),
    "an unknown initial state": (
        lambda: LSTM(4, 6, initial_state="ones"),
        InputError,
        "^initial_state is one of zeros, learned; got 'ones'$",
    ),
    "weights that are dropped for certain": (
        lambda: LSTM(4, 6, weight_drop=1.0),
        InputError,
        "^weight_drop is the probability from 0 to below 1 of a recurrent weight being zeroed, got 1.0$",
    ),
    "a state in the other layout": (
        lambda: LSTM(4, 6, 2, state_batch_first=True)(X, states(2, 3, 6)),
        ValueError,
        r"hidden state h of size \(3, 2, 6\), got \(2, 3, 6\)$",
    ),
    "a value that the step does not name": (
        lambda: LSTM(4, 6)(X, return_gates=("q",)),
        InputError,
        "^lstm has no value 'q' to record; it has i, f, g, o, c, h$",
    ),
    "lengths of a packed sequence": (
        lambda: LSTM(4, 6)(pack_sequence([X[:, 0]]), lengths=[5]),
        InputError,
        "^a PackedSequence has its lengths; give no others$",
    ),
    "a reset of a packed sequence": (
        lambda: LSTM(4, 6)(pack_sequence([X[:, 0]]), reset=torch.zeros(5, 1, dtype=torch.bool)),
        InputError,
        "^reset goes with a padded input and lengths, not with a PackedSequence$",
    ),
}


@pytest.mark.parametrize("mistake", OWN)
def test_refused(mistake: str):
    call, kind, message = OWN[mistake]
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_dropout_without_a_layer_to_lie_between_is_a_warning_as_in_torch():
    with pytest.warns(UserWarning, match="dropout") as torchs:
        nn.LSTM(4, 6, dropout=0.1)
    with pytest.warns(UserWarning, match="dropout=0.1 has no effect with num_layers=1") as ours:
        LSTM(4, 6, dropout=0.1)
    assert len(torchs) == len(ours) == 1
    assert ours[0].filename == __file__


NAN = "expected numbers in weight_hh_l1 (24, 6), got 2 NaN, first at (3, 5)"


def damaged() -> LSTM:
    layer = LSTM(4, 6, 2)
    with torch.no_grad():
        layer.weight_hh_l1[3, 5] = layer.weight_hh_l1[20, 0] = torch.nan
    return layer


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_on_weights_that_are_not_numbers_is_refused(backend: str):
    layer = damaged()
    layer.backend = backend
    with pytest.raises(InputError, match=re.escape(f"LSTM: {NAN}")):
        layer(X)


def test_weights_that_are_not_numbers_are_not_loaded():
    layer = nn.ModuleDict({"encoder": LSTM(4, 6, 2)})
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(InputError, match=re.escape(f"LSTM: {NAN}")):
        layer.load_state_dict(nn.ModuleDict({"encoder": damaged()}).state_dict())
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_an_input_that_is_not_a_number_goes_through_as_in_torch():
    x = X.clone()
    x[2, 1] = torch.nan
    output, (h, _) = LSTM(4, 6)(x)
    assert output[2:, 1].isnan().all()
    assert h[0, 1].isnan().all()
    assert not output[:, [0, 2]].isnan().any()
