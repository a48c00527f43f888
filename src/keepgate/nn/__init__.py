"""Recurrent layers as torch modules: the signature and the parameter names of `torch.nn.LSTM`, for any cell."""

from keepgate.errors import MissingExtraError

try:
    from keepgate.nn.cells import GRUCell, LSTMCell, RecurrentCell, RNNCell
    from keepgate.nn.convolutional import ConvLSTM
    from keepgate.nn.modules import GRU, LSTM, RNN
    from keepgate.nn.recurrent import Recurrent
except ModuleNotFoundError as error:
    raise MissingExtraError.of("keepgate.nn", error) from None

__all__ = ["GRU", "LSTM", "RNN", "ConvLSTM", "GRUCell", "LSTMCell", "RNNCell", "Recurrent", "RecurrentCell"]
