"""Recurrent layers as torch modules: the signature and the parameter names of ``torch.nn.LSTM``, for any cell."""

from keepgate.nn.modules import GRU, LSTM, RNN
from keepgate.nn.recurrent import Recurrent

__all__ = ["GRU", "LSTM", "RNN", "Recurrent"]
