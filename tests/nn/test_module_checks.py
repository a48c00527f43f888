"""PyTorch's own checks of its recurrent modules, on its own inputs, with `LSTM`, `GRU` and `RNN` in their place.

torch expects several of them to fail for its modules; none is expected to fail here.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call
from torch.nn.utils.rnn import PackedSequence
from torch.utils._pytree import tree_leaves, tree_map

import keepgate.nn as ours

pytest.importorskip("expecttest", reason="torch's lists of module inputs need expecttest: pip install expecttest")

from torch.testing._internal.common_modules import ModuleInput, module_db

INFOS = {info.name: info for info in module_db if info.name in ("nn.LSTM", "nn.GRU", "nn.RNN")}
KINDS = {"nn.LSTM": ours.LSTM, "nn.GRU": ours.GRU, "nn.RNN": ours.RNN}
TRAINING = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])

pytestmark = pytest.mark.parametrize("kind", KINDS)


def samples(kind: str, training: bool, requires_grad: bool = False) -> Iterator[tuple[nn.Module, ModuleInput]]:
    """Pair each of torch's inputs with our module for it, in float64."""
    options = {"device": "cpu", "dtype": torch.float64, "requires_grad": requires_grad, "training": training}
    inputs = INFOS[kind].module_inputs_func(INFOS[kind], **options)
    assert len(inputs) > 10
    for sample in inputs:
        made = sample.constructor_input
        yield KINDS[kind](*made.args, **made.kwargs, dtype=torch.float64).train(training), sample


def run(module: nn.Module, arguments: tuple[Any, ...]) -> list[Tensor]:
    return [v.data if isinstance(v, PackedSequence) else v for v in tree_leaves(module(*arguments))]


@TRAINING
def test_forward(kind: str, training: bool):
    """The reference is torch's: without a batch is as a batch of one."""
    torch.manual_seed(0)
    for module, sample in samples(kind, training):
        given = sample.forward_input
        wanted = sample.reference_fn(module, *given.args, **given.kwargs)
        torch.testing.assert_close(tree_leaves(module(*given.args, **given.kwargs)), tree_leaves(wanted))


@TRAINING
@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_copies(again: Callable[[nn.Module], nn.Module], kind: str, training: bool):
    for module, sample in samples(kind, training):
        module(*sample.forward_input.args)
        copied = again(module)
        assert copied.training == training
        results = [run(m, sample.forward_input.args) for m in (copied, module)]
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_factory_arguments(kind: str, device: str, dtype: torch.dtype):
    for _, sample in samples(kind, True):
        made = sample.constructor_input
        for parameter in KINDS[kind](*made.args, **made.kwargs, device=device, dtype=dtype).parameters():
            assert (parameter.device.type, parameter.dtype) == (device, dtype)


@TRAINING
def test_gradients(kind: str, training: bool):
    """Also in evaluation, where torch's kernels on GPUs have no backward pass."""
    torch.manual_seed(0)
    for module, sample in samples(kind, training, requires_grad=True):
        function, leaves = closed(module, sample)
        assert gradcheck(function, leaves, check_batched_grad=True, fast_mode=True)


@pytest.mark.slow
def test_gradients_of_gradients(kind: str):
    torch.manual_seed(0)
    for module, sample in samples(kind, True, requires_grad=True):
        function, leaves = closed(module, sample)
        assert gradgradcheck(function, leaves, fast_mode=True)


def closed(module: nn.Module, sample: ModuleInput) -> tuple[Callable[..., tuple[Tensor, ...]], list[Tensor]]:
    """Return the module as a function of its inputs and parameters, and these."""
    names, parameters = zip(*module.named_parameters(), strict=True)
    given, count = sample.forward_input.args, len(tree_leaves(sample.forward_input.args))

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        left = iter(leaves[:count])
        arguments = tree_map(lambda _: next(left), given)
        return tuple(tree_leaves(functional_call(module, dict(zip(names, leaves[count:], strict=True)), arguments)))

    return function, [*tree_leaves(given), *parameters]


@TRAINING
def test_tensors_with_gaps(kind: str, training: bool):
    """Inputs, states, weights and cotangents that do not lie dense in memory change nothing."""
    torch.manual_seed(0)
    for module, sample in samples(kind, training, requires_grad=True):
        function, leaves = closed(module, sample)
        found = []
        for spread in (lambda t: t, gappy):
            own = [spread(leaf.detach()).requires_grad_() for leaf in leaves]
            outputs = function(*own)
            cotangents = [spread(torch.ones_like(value) / 3) for value in outputs]
            found.append((*outputs, *torch.autograd.grad(outputs, own, cotangents)))
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def gappy(tensor: Tensor) -> Tensor:
    """Return the same numbers, each second place of memory being NaN."""
    room = torch.full((*tensor.shape, 2), torch.nan, dtype=tensor.dtype)
    room[..., 0] = tensor
    return room[..., 0]


def test_training_and_evaluation_are_one_without_dropout(kind: str):
    for module, sample in samples(kind, True):
        results = [run(module.train(training), sample.forward_input.args) for training in (True, False)]
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_dropout_is_the_same_for_the_same_seed(kind: str):
    """Outputs, states and gradients, bit for bit; another seed gives others."""
    layer, x = KINDS[kind](3, 8, 3, dropout=0.5, bidirectional=True), torch.randn(6, 2, 3)

    def step(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        found = run(layer, (x,))
        return [*found, *torch.autograd.grad(found[0].square().sum(), layer.parameters())]

    assert all(torch.equal(a, b) for a, b in zip(step(1), step(1), strict=True))
    assert not torch.equal(step(1)[0], step(2)[0])
