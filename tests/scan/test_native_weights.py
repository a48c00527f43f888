"""The native engine sees weights as they are, however they were changed."""

import pytest
import torch

from keepgate.nn import LSTM
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
