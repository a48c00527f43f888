"""Published cells, one a file, and modifiers that turn a cell into another.

>>> from keepgate import cells
>>> cells.get("peephole_lstm").paper
'Gers, Schraudolph & Schmidhuber 2002'
>>> cells.get("zoneout(layer_norm(gru), 0.05)").equations.states
('h',)
"""

from keepgate.cells.activations import activation, no_output_activation
from keepgate.cells.coupled_lstm import CoupledLSTM
from keepgate.cells.dropout import recurrent_dropout, variational, zoneout
from keepgate.cells.gru import GRU
from keepgate.cells.gru_cho import GRUCho
from keepgate.cells.lstm import LSTM
from keepgate.cells.lstm_1997 import LSTM1997
from keepgate.cells.modifiers import coupled, layer_norm, projected
from keepgate.cells.multiplicative_lstm import MultiplicativeLSTM
from keepgate.cells.peephole_lstm import PeepholeLSTM
from keepgate.cells.peephole_lstm_full import PeepholeLSTMFull
from keepgate.cells.registry import get, modifiers, registry
from keepgate.cells.rnn import RNN
from keepgate.cells.time_aware_lstm import TimeAwareLSTM

__all__ = [
    "GRU",
    "LSTM",
    "LSTM1997",
    "RNN",
    "CoupledLSTM",
    "GRUCho",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
    "PeepholeLSTMFull",
    "TimeAwareLSTM",
    "activation",
    "coupled",
    "get",
    "layer_norm",
    "modifiers",
    "no_output_activation",
    "projected",
    "recurrent_dropout",
    "registry",
    "variational",
    "zoneout",
]
