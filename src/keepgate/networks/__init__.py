"""A network is data: blocks that know their parameters and shapes, and how values run between them.

Interpreters put it to work, each a table from block to function: `keepgate.nn.network` (torch), `keepgate.runtime`
(NumPy and the native core) and `keepgate.export.network` (ONNX).
"""

from keepgate.networks.block import BLOCKS, FLOAT, FLOAT64, INT64, Block, Input, Parameter, Value
from keepgate.networks.layers import AdaptiveSoftmax, Attention, Crf, Embedding, Linear, Recurrent, Standardize
from keepgate.networks.network import Network, Step
from keepgate.networks.shapes import (
    Activation,
    Add,
    Centre,
    Concat,
    Dropout,
    Last,
    Lookup,
    Noise,
    Patches,
    Pool,
    Repeat,
    Reshape,
    Restore,
    Reverse,
    Select,
    Softmax,
    Stack,
    SymbolDropout,
    WindowNorm,
)

__all__ = [
    "BLOCKS",
    "FLOAT",
    "FLOAT64",
    "INT64",
    "Activation",
    "AdaptiveSoftmax",
    "Add",
    "Attention",
    "Block",
    "Centre",
    "Concat",
    "Crf",
    "Dropout",
    "Embedding",
    "Input",
    "Last",
    "Linear",
    "Lookup",
    "Network",
    "Noise",
    "Parameter",
    "Patches",
    "Pool",
    "Recurrent",
    "Repeat",
    "Reshape",
    "Restore",
    "Reverse",
    "Select",
    "Softmax",
    "Stack",
    "Standardize",
    "Step",
    "SymbolDropout",
    "Value",
    "WindowNorm",
]
