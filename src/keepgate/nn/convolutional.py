"""`ConvLSTM`: layers whose weights are convolutions, for sequences of signals, frames or volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from keepgate.equations import Cell, Equations
from keepgate.maps import Convolution
from keepgate.nn.parameters import Options
from keepgate.nn.recurrent import Recurrent

__all__ = ["ConvLSTM"]


class ConvLSTM(Recurrent):
    """Convolutional long short-term memory (Shi et al. 2015, arXiv:1506.04214), of any cell of the family.

    The gates are convolutions of the input and of the last output, so that a state is an image: where something is
    stays known, and the same weights see every place. The input is [T, B, C, H, W] (`batch_first`: [B, T, C, H, W];
    unbatched: [T, C, H, W]), with `dims=1` [T, B, C, L], with `dims=3` [T, B, C, D, H, W]; the output has D * W
    channels, D being the number of directions, and the size of the input; a state is [layers * D, B, W, H, W] for each
    state of the cell. Lengths, resets, states and all else are as in `Recurrent`.

    >>> import torch
    >>> from keepgate.nn import ConvLSTM
    >>> layer = ConvLSTM(1, 8, kernel_size=3, num_layers=2)
    >>> output, (h, c) = layer(torch.zeros(10, 4, 1, 32, 32))
    >>> tuple(output.shape), tuple(c.shape), tuple(layer.weight_ih_l1.shape)
    ((10, 4, 8, 32, 32), (2, 4, 8, 32, 32), (32, 8, 3, 3))

    The equations of Shi et al., with peepholes of a number for each channel and place:

    >>> layer = ConvLSTM(1, 8, 5, cell="peephole_lstm", space=(32, 32))
    >>> tuple(layer.p_i_l0.shape)
    (8, 32, 32)

    Args:
        input_size: channels of the input, C.
        hidden_size: channels of the states.
        kernel_size: places that a kernel covers: a number, or one for each direction of space.
        num_layers: stacked layers.
        bias: whether the gates have biases.
        batch_first: whether input and output are [B, T, ...] instead of [T, B, ...].
        dropout: between layers, in training.
        bidirectional: run each layer in both directions of time.
        proj_size: project h to this many channels, by a convolution too (0: not).
        device: of the parameters.
        dtype: of the parameters.
        dims: directions of space: 1, 2 or 3.
        padding: what lies around the space: `"zeros"`, or `"circular"`: it goes on at its other end.
        dilation: how far apart the places that a kernel covers are: a number, or one for each direction.
        space: the size of the space, which all inputs must have then: the vectors of a cell, such as peepholes, have a
            number for each channel and place. None: one for each channel, and inputs of any size.
        cell: the cell or its name; see `keepgate cells`.
        **options: such as `forget_bias=1.0` or `recompute=True`; see `Recurrent`.

    Raises:
        InputError: an option is out of range, or the cell is unknown.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        kernel_size: int | Sequence[int],
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        dims: int = 2,
        padding: str = "zeros",
        dilation: int | Sequence[int] = 1,
        space: Sequence[int] | None = None,
        cell: str | Cell | type[Cell] | Equations = "lstm",
        **options: Unpack[Options],
    ) -> None:
        options["map"] = Convolution(kernel_size, dims, padding, dilation, space)
        super().__init__(
            cell,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            **options,
        )
