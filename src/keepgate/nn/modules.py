"""`LSTM`, `GRU` and `RNN` with the signatures of `torch.nn`: change one import and an existing script runs."""

from __future__ import annotations

from typing import Any, Unpack

from torch import Tensor
from torch.nn import functional

from keepgate.cells import RNN as RNNCell
from keepgate.equations import Cell, Equations
from keepgate.nn.parameters import Options
from keepgate.nn.recurrent import Recurrent

__all__ = ["GRU", "LSTM", "RNN"]


class _AsTorch(Recurrent):
    """Layers that draw their dropout as `torch.nn`'s do: a seed gives the same numbers, at torch's pace."""

    def _between(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)


class LSTM(_AsTorch):
    """Long short-term memory; `torch.nn.LSTM`'s arguments, parameters and results, and any cell of the family.

    >>> import torch
    >>> from keepgate.nn import LSTM
    >>> layer = LSTM(3, 5, num_layers=2, cell="peephole_lstm")
    >>> output, (h, c) = layer(torch.zeros(7, 2, 3))
    >>> tuple(output.shape), tuple(h.shape)
    ((7, 2, 5), (2, 2, 5))

    Args:
        input_size: features of the input, I.
        hidden_size: units, H.
        num_layers: stacked layers.
        bias: whether the gates have biases.
        batch_first: whether input and output are [B, T, ...] instead of [T, B, ...].
        dropout: between layers, in training.
        bidirectional: run each layer in both directions.
        proj_size: project h to this size (0: not).
        device: of the parameters.
        dtype: of the parameters.
        cell: the cell or its name; see `keepgate cells`.
        **options: what torch does not have, such as `forget_bias=1.0` or `recompute=True`; see `Recurrent`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        cell: str | Cell | type[Cell] | Equations = "lstm",
        **options: Unpack[Options],
    ) -> None:
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


class GRU(_AsTorch):
    """Gated recurrent unit; `torch.nn.GRU`'s arguments, parameters and results. Arguments as in `LSTM`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        cell: str | Cell | type[Cell] | Equations = "gru",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            cell,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            **options,
        )


class RNN(_AsTorch):
    """Simple recurrent network; `torch.nn.RNN`'s arguments, parameters and results. Arguments as in `LSTM`.

    Raises:
        InputError: `nonlinearity` is neither `"tanh"` nor `"relu"`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[Options],
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            RNNCell(nonlinearity),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            **options,
        )
