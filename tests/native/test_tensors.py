"""Tensors are read alike by DLPack's exchange of pointers and by asking torch, and only plain ones are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from keepgate.native.engine import _core
from keepgate.nn import LSTM
from keepgate.scan import engines
from keepgate.scan.memory import made, tensor_maker, tensor_reader

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")


def shrunk() -> Tensor:
    x = torch.ones(2, 3)
    x.untyped_storage().resize_(20)
    return x


def beyond() -> Tensor:
    x = torch.ones(4, 3)[2:]
    x.untyped_storage().resize_(40)
    return x


PLAIN: dict[str, Callable[[], Any]] = {
    "whole": lambda: torch.ones(2, 3),
    "part": lambda: torch.ones(5, 2, 3)[3],
    "with a gradient": lambda: torch.ones(2, 3, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2, 3)),
    "made for inference": lambda: torch.ones(2, 3) if torch.is_inference_mode_enabled() else _inferred(),
    "of NumPy's memory": lambda: torch.from_numpy(torch.ones(2, 3).numpy()),
}
OTHER: dict[str, Callable[[], Any]] = {
    "shape": lambda: torch.ones(3, 2),
    "dimensions": lambda: torch.ones(1, 2, 3),
    "turned": lambda: torch.ones(3, 2).T,
    "every second": lambda: torch.ones(2, 6)[:, ::2],
    "one for all": lambda: torch.ones(1, 3).expand(2, 3),
    "float64": lambda: torch.ones(2, 3, dtype=torch.float64),
    "int32": lambda: torch.ones(2, 3, dtype=torch.int32),
    "bfloat16": lambda: torch.ones(2, 3, dtype=torch.bfloat16),
    "complex": lambda: torch.ones(2, 3, dtype=torch.complex64),
    "meta": lambda: torch.ones(2, 3, device="meta"),
    "sparse": lambda: torch.ones(2, 3).to_sparse(),
    "rows of a sparse one": lambda: torch.ones(2, 3).to_sparse_csr(),
    "negated": lambda: torch._neg_view(torch.ones(2, 3)),
    "zero tensor": lambda: torch._efficientzerotensor((2, 3)),
    "part of a zero tensor": lambda: torch._efficientzerotensor((2, 2, 3))[1],
    "shrunk": shrunk,
    "beyond its memory": beyond,
    "NumPy's": lambda: torch.ones(2, 3).numpy(),
    "list": lambda: [[1.0] * 3] * 2,
    "nothing": lambda: None,
}


def _inferred() -> Tensor:
    with torch.inference_mode():
        return torch.ones(2, 3)


def readers() -> list[Any]:
    asking = _core.TensorReader(None, torch.float32, torch.float64, torch.strided)
    return [tensor_reader(), asking]


def stepped(x: Any, output: Any, dtype: torch.dtype = torch.float32) -> list[bool]:
    """Return whether each reader takes both."""
    steppers = [stepper._core for stepper in LSTM(3, 3, dtype=dtype).stream(2).steppers]
    make = _core.StepperStackSingle if dtype is torch.float32 else _core.StepperStackDouble
    return [make(reader, steppers).step(x, output) for reader in readers()]


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_tensors_are_read(kind: str):
    assert stepped(PLAIN[kind](), torch.empty(2, 3)) == [True, True]
    assert stepped(torch.ones(2, 3), output := PLAIN[kind]()) == [True, True]
    assert not output.detach().eq(1).any()


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("kind", OTHER)
def test_other_tensors_are_not(kind: str):
    assert stepped(OTHER[kind](), output := torch.full((2, 3), 7.0)) == [False, False]
    assert output.eq(7).all()
    assert stepped(torch.ones(2, 3), OTHER[kind]()) == [False, False]


def test_numbers_of_the_other_width():
    x, output = torch.ones(2, 3, dtype=torch.float64), torch.empty(2, 3, dtype=torch.float64)
    assert stepped(x, output, torch.float64) == [True, True]
    assert stepped(x.float(), output, torch.float64) == [False, False]


def test_none_at_all_need_no_memory():
    stream = LSTM(0, 3).stream(2)
    x = torch.empty(2, 0)
    assert stream.step(x).shape == (2, 3)


def test_what_is_no_exchange():
    with pytest.raises(ValueError, match="PyCapsule"):
        _core.TensorReader(object(), torch.float32, torch.float64, torch.strided)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("sizes", [(0, 2), (1, 0), (1, 1), (5, 2), (700, 13)])
def test_tensors_are_made_alike(sizes, wide: bool, bidirectional: bool, monkeypatch):
    """By DLPack's exchange and by asking torch: plain tensors that own their memory."""
    dtype = torch.float64 if wide else torch.float32
    x = torch.linspace(-1, 1, sizes[0] * sizes[1] * 3, dtype=dtype).reshape(*sizes, 3)
    found = []
    for maker in (tensor_maker(), _core.TensorMaker(None, made)):
        monkeypatch.setattr("keepgate.scan.layers.tensor_maker", lambda maker=maker: maker)
        torch.manual_seed(0)
        with torch.no_grad():
            output, state = LSTM(3, 3, dtype=dtype, bidirectional=bidirectional).eval()(x)
        found.append((output, *state))
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape
        assert a.stride() == b.stride()
        assert a.dtype is b.dtype is dtype
        assert torch.equal(a, b)
        assert not a.requires_grad
        assert torch.from_numpy(a.add_(1).numpy()).data_ptr() == a.data_ptr()


def test_memory_of_tensors_comes_back():
    """Each call frees what the one before it has made."""
    layer, x = LSTM(3, 300), torch.ones(300, 1, 3)
    with torch.no_grad():
        places = {layer(x)[0].data_ptr() for _ in range(50)}
    assert len(places) < 5
