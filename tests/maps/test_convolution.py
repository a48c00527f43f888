from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.maps import Convolution, map_from_json

KINDS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(("gates", "width", "source"), [(4, 5, 3), (1, 1, 1), (3, 2, 7)])
def test_shapes_are_those_of_stacked_convolutions(dims, gates, width, source):
    product = Convolution(range_of(3, dims), dims)
    stacked = torch.cat([KINDS[dims](source, width, range_of(3, dims)).weight for _ in range(gates)])
    assert product.weight_shape(gates, width, source) == tuple(stacked.shape)
    assert product.widths(tuple(stacked.shape), gates) == (width, source)
    assert product.widths((9, *stacked.shape), gates) == (width, source)  # of a population
    assert product.fan_in(source) == stacked[0].numel()
    assert product.vector_shape(width) == (width,)
    assert product.axes == dims


def range_of(first, dims):
    return tuple(range(first, first + dims))


def test_a_number_stands_for_each_direction():
    assert Convolution(3, dilation=2) == Convolution([3, 3], 2, "zeros", (2, 2)) != Convolution(3)
    assert hash(Convolution(5)) == hash(Convolution((5, 5)))


def test_the_places_of_a_kernel():
    assert Convolution(3, 1).taps == [(-1,), (0,), (1,)]
    assert Convolution(4, 1, dilation=2).taps == [(-3,), (-1,), (1,), (3,)]
    assert Convolution((1, 2)).taps == [(0, 0), (0, 1)]
    assert Convolution((1, 2)).reach == ((0, 0), (0, 1))


def test_vectors_of_a_place():
    assert Convolution(3, space=(4, 6)).vector_shape(5) == (5, 4, 6)


@pytest.mark.parametrize("product", [Convolution(3), Convolution((1, 5), 2, "circular", (1, 3), (8, 16))])
def test_it_goes_to_json_and_back(product):
    assert map_from_json(json.loads(json.dumps(product.to_json()))) == product


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel_size": 0}, r"^kernel_size of Convolution has 2 integers from 1 on, got 0$"),
        ({"kernel_size": True}, r"^kernel_size of Convolution has 2 integers from 1 on, got True$"),
        ({"kernel_size": (3, 3, 3)}, r"^kernel_size of Convolution has 2 integers from 1 on, got \(3, 3, 3\)$"),
        ({"kernel_size": 3, "dims": 4}, "^dims of Convolution is 1, 2 or 3, got 4$"),
        ({"kernel_size": 3, "padding": 1}, "^padding of Convolution is one of zeros, circular; got 1$"),
        ({"kernel_size": 3, "dilation": [1, 0]}, r"^dilation of Convolution has 2 integers from 1 on, got \[1, 0\]$"),
        ({"kernel_size": 3, "space": 8}, "^space of Convolution has 2 integers from 1 on, got 8$"),
        ({"kernel_size": 101}, r"^a kernel covers up to 10,000 places, got \(101, 101\)$"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Convolution(**options)
    if "kernel_size" in options:
        data = {"kind": "convolution", "dims": 2, "padding": "zeros", "dilation": [1, 1], "space": None, **options}
        with pytest.raises(InputError, match=words):
            map_from_json(data)


def test_spaces_that_do_not_fit_are_refused():
    Convolution(9).check_space((1, 1))
    Convolution(9, padding="circular").check_space((4, 4))
    with pytest.raises(InputError, match=r"a circular kernel that reaches .* goes around the space \(4, 3\) more than"):
        Convolution(9, padding="circular").check_space((4, 3))
    with pytest.raises(InputError, match=r"the vectors are of the space \(8, 8\), and the input of \(8, 9\)"):
        Convolution(3, space=(8, 8)).check_space((8, 9))
