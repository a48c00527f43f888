"""Published cells, one a file, and modifiers that turn a cell into another.

>>> from keepgate import cells
>>> cells.get("peephole_lstm").paper
'Gers, Schraudolph & Schmidhuber 2002'
>>> cells.get("zoneout(layer_norm(gru), 0.05)").equations.states
('h',)
"""

from keepgate.cells.activations import activation, no_output_activation
from keepgate.cells.atr import ATR
from keepgate.cells.brc import BRC
from keepgate.cells.cfn import CFN
from keepgate.cells.cornn import CoRNN
from keepgate.cells.coupled_lstm import CoupledLSTM
from keepgate.cells.dropout import recurrent_dropout, variational, zoneout
from keepgate.cells.dsgu import DSGU
from keepgate.cells.fastgrnn import FastGRNN
from keepgate.cells.fastrnn import FastRNN
from keepgate.cells.gru import GRU
from keepgate.cells.gru_cho import GRUCho
from keepgate.cells.indrnn import IndRNN
from keepgate.cells.janet import JANET
from keepgate.cells.lem import LEM
from keepgate.cells.light_gru import LightGRU
from keepgate.cells.light_ru import LightRU
from keepgate.cells.lstm import LSTM
from keepgate.cells.lstm_1997 import LSTM1997
from keepgate.cells.mgu import MGU
from keepgate.cells.min_gru import MinGRU
from keepgate.cells.min_lstm import MinLSTM
from keepgate.cells.minimal_rnn import MinimalRNN
from keepgate.cells.modifiers import coupled, layer_norm, projected
from keepgate.cells.multiplicative_lstm import MultiplicativeLSTM
from keepgate.cells.mut1 import MUT1
from keepgate.cells.mut2 import MUT2
from keepgate.cells.mut3 import MUT3
from keepgate.cells.nas import NAS
from keepgate.cells.nbrc import NBRC
from keepgate.cells.nested_lstm import NestedLSTM
from keepgate.cells.peephole_lstm import PeepholeLSTM
from keepgate.cells.peephole_lstm_full import PeepholeLSTMFull
from keepgate.cells.qrnn import QRNN
from keepgate.cells.ran import RAN
from keepgate.cells.registry import get, modifiers, registry
from keepgate.cells.residual_lstm import ResidualLSTM
from keepgate.cells.rhn import RHN
from keepgate.cells.rnn import RNN
from keepgate.cells.scrn import SCRN
from keepgate.cells.sgu import SGU
from keepgate.cells.slstm import SLSTM
from keepgate.cells.sru import SRU
from keepgate.cells.star import STAR
from keepgate.cells.tau_gru import TauGRU
from keepgate.cells.tgru import TGRU
from keepgate.cells.time_aware_lstm import TimeAwareLSTM
from keepgate.cells.tlstm import TLSTM
from keepgate.cells.trnn import TRNN
from keepgate.cells.ugrnn import UGRNN
from keepgate.cells.unicornn import UnICORNN
from keepgate.cells.working_memory_lstm import WorkingMemoryLSTM

__all__ = [
    "ATR",
    "BRC",
    "CFN",
    "DSGU",
    "GRU",
    "JANET",
    "LEM",
    "LSTM",
    "LSTM1997",
    "MGU",
    "MUT1",
    "MUT2",
    "MUT3",
    "NAS",
    "NBRC",
    "QRNN",
    "RAN",
    "RHN",
    "RNN",
    "SCRN",
    "SGU",
    "SLSTM",
    "SRU",
    "STAR",
    "TGRU",
    "TLSTM",
    "TRNN",
    "UGRNN",
    "CoRNN",
    "CoupledLSTM",
    "FastGRNN",
    "FastRNN",
    "GRUCho",
    "IndRNN",
    "LightGRU",
    "LightRU",
    "MinGRU",
    "MinLSTM",
    "MinimalRNN",
    "MultiplicativeLSTM",
    "NestedLSTM",
    "PeepholeLSTM",
    "PeepholeLSTMFull",
    "ResidualLSTM",
    "TauGRU",
    "TimeAwareLSTM",
    "UnICORNN",
    "WorkingMemoryLSTM",
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
