from __future__ import annotations

import pytest
import torch

from keepgate.scan.order import Order


@pytest.mark.parametrize("lengths", [None, [3, 2, 2, 0], [1], [0, 0], []])
def test_rows_that_fall_already_need_no_order(lengths):
    order = Order(None if lengths is None else torch.tensor(lengths, dtype=torch.int64))
    value = torch.randn(2, 4)
    assert order.rows is None
    assert not order.differs
    assert order.sort(value, 1) is value
    assert order.unsort(value, 1) is value


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool, torch.int64])
def test_rows_are_sorted_as_by_index_and_put_back(dim, dtype):
    lengths = torch.tensor([1, 3, 0, 3])
    order = Order(lengths)
    assert order.rows.tolist() == [1, 3, 0, 2]  # equal ones keep their order
    value = torch.randint(0, 2, (4, 4, 4)).to(dtype)
    found = order.sort(value, dim)
    assert torch.equal(found, value.index_select(dim, order.rows))
    assert torch.equal(order.unsort(found, dim), value)


@pytest.mark.parametrize("lengths", [[0, 3, 3, 1], [2, 2], [5, 5, 1], [7], []])
def test_lengths_fall_in_this_order(lengths):
    order = Order(torch.tensor(lengths * 2, dtype=torch.int64)[::2])
    assert order.lengths.dtype is torch.int32
    assert order.lengths.tolist() == sorted((lengths * 2)[::2], reverse=True)


def test_several_are_put_back_at_once():
    order = Order(torch.tensor([1, 2, 3]))
    first, second = torch.randn(2, 3, 2, dtype=torch.float64).requires_grad_(), torch.randn(3, 4, dtype=torch.float64)
    found = order.unsort_all([first, second.requires_grad_()], -2)
    assert torch.equal(found[0], first.flip(1))
    assert torch.equal(found[1], second.flip(0))
    assert torch.autograd.gradcheck(lambda a, b: tuple(order.unsort_all([a, b], -2)), (first, second))
    (gradient,) = torch.autograd.grad(found[1].sum(), second)  # of one of them alone
    assert torch.equal(gradient, torch.ones_like(second))


def test_tensors_that_are_not_contiguous():
    order = Order(torch.tensor([1, 2, 3]))
    value = torch.randn(3, 5, 2).transpose(0, 1)[::2]
    assert torch.equal(order.sort(value, 1), value.flip(1))


def test_networks_of_a_population_have_orders_of_their_own():
    lengths = torch.tensor([[1, 2, 3], [3, 1, 2]])
    order = Order(lengths)
    assert order.differs
    value = torch.randn(2, 4, 3, 5)
    found = order.sort(value, 2)
    for n in range(2):
        assert torch.equal(found[n], value[n].index_select(1, torch.argsort(lengths[n], descending=True)))
    assert torch.equal(order.unsort(found, 2), value)


@pytest.mark.parametrize("population", [False, True])
def test_gradients_are_put_back(population):
    lengths = torch.tensor([[1, 2, 3], [3, 1, 2]]) if population else torch.tensor([1, 2, 3])
    order = Order(lengths)
    value = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: order.sort(v, 1), (value,))
    assert torch.autograd.gradcheck(lambda v: order.unsort(v, 1) ** 2, (value,))
