"""The native engine sees weights as they are, however they were changed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from keepgate.nn import LSTM, Recurrent
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines().get("native") != "yes", reason="the native engine does not run here")


def fused_step(parameter):
    parameter.grad = torch.ones_like(parameter)
    torch.optim.AdamW([parameter], lr=0.1, fused=True).step()


def data_write(parameter):
    parameter.data.mul_(2)


@pytest.mark.parametrize("change", [fused_step, data_write])
@pytest.mark.parametrize("grad", [True, False])
def test_changes_that_leave_the_version_as_it_was(change, grad):
    torch.manual_seed(0)
    native = LSTM(3, 5, backend="native")
    reference = LSTM(3, 5, backend="reference")
    x = torch.randn(4, 2, 3)
    with torch.set_grad_enabled(grad):
        native(x)
        for parameter in native.parameters():
            version = parameter._version
            change(parameter)
            assert parameter._version == version  # else this tests nothing
        reference.load_state_dict(native.state_dict())
        torch.testing.assert_close(native(x)[0], reference(x)[0])


def set_bit(parameter, place):
    parameter.data.view(-1).view(torch.int32)[place] ^= 1


@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm", "layer_norm(gru)"])
def test_one_bit_of_any_parameter_shows(cell):
    """Packed weights are kept for the next call: where a byte has changed, they are packed anew."""
    torch.manual_seed(0)
    layer, fresh = (Recurrent(cell, 17, 35, num_layers=2, bidirectional=True, backend="native") for _ in range(2))
    x = torch.randn(4, 3, 17)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            for place in (0, parameter.numel() // 2, parameter.numel() - 1):
                parameter.data.view(-1)[place] = 0.5
                layer(x)
                parameter.data.view(-1)[place] = 0.75
                fresh.load_state_dict(layer.state_dict())
                fresh.backend = "native"  # forgets what it has kept
                assert torch.equal(layer(x)[0], fresh(x)[0]), name
                set_bit(parameter, place)
                fresh.load_state_dict(layer.state_dict())
                fresh.backend = "native"
                assert torch.equal(layer(x)[0], fresh(x)[0]), name


def test_threads_with_weights_of_their_own():
    """Calls of one layer at once, each with other weights, give what each gives alone."""
    torch.manual_seed(0)
    layer, x = LSTM(9, 33, backend="native"), torch.randn(3, 2, 9)
    weights = [{name: torch.randn_like(value) for name, value in layer.named_parameters()} for _ in range(4)]
    spec = [LSTM(9, 33, backend="native") for _ in weights]
    with torch.no_grad():
        for one, values in zip(spec, weights, strict=True):
            one.load_state_dict(values)
            one._stack = layer._stack  # all keep in the same place
        wanted = [one(x)[0] for one in spec]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda number: torch.no_grad()(spec[number % 4])(x)[0], range(200)))
    for number, got in enumerate(found):
        assert torch.equal(got, wanted[number % 4])
