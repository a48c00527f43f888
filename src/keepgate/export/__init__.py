"""Models as files that other programs run.

>>> import torch
>>> from keepgate import export
>>> from keepgate.nn import LSTM
>>> model = export.onnx(LSTM(3, 8, num_layers=2, cell="peephole_lstm"))
>>> [node.op_type for node in model.graph.node].count("LSTM")
2
"""

from keepgate.errors import MissingExtraError

try:
    from keepgate.export.model import onnx
except ModuleNotFoundError as error:
    raise MissingExtraError.of("keepgate.export", error) from None

__all__ = ["onnx"]
