"""A byte language model (`keepgate fit write --units bytes`) as what the LSTM of the predictor begins with.

The two networks are the same but for names: the embedding goes into the table of the first layer, biases into the
tables of all, and the layers below the last have no share in the output.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

import numpy as np

from keepgate.compression.archive import DIGEST
from keepgate.errors import InputError
from keepgate.native.predictor import Shape
from keepgate.store import read_model

RATE, LAST_RATE = 0.002, 0.0005  # of learning on: the weights know something
MOST_HIDDEN, MOST_LAYERS = 2048, 8


@dataclass(frozen=True)
class Pretrained:
    """The weights of a run as the core takes them, float32, and their digest, which the archive carries."""

    shape: Shape
    weights: np.ndarray
    digest: bytes

    @classmethod
    def read(cls, run: str | os.PathLike[str]) -> Pretrained:
        """The model in the folder of a run; InputError where it is none of bytes, or not a plain LSTM."""
        config, tensors = read_model(run)
        parameters = config.get("parameters", {})
        found = {"task": config.get("task")} | {name: parameters.get(name) for name in ("units", "cell", "adaptive")}
        for name, wanted in {"task": "write", "units": "bytes", "cell": "lstm", "adaptive": False}.items():
            if found[name] != wanted:
                raise InputError(
                    f"{run} has {name} {found[name]}, where compression begins with {wanted}; train one with: "
                    "keepgate fit write FILE --units bytes --out RUN"
                )
        try:
            shape, parts = _convert({name: tensor.astype(np.float64) for name, tensor in tensors.items()})
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{run} does not hold the tensors of an LSTM that reads and writes bytes: {error}"
            ) from None
        weights = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
        if not np.isfinite(weights).all():
            raise InputError(f"{run} has weights that are no finite numbers; train it again")
        digest = hashlib.blake2b(repr(shape).encode() + weights.astype("<f4").tobytes(), digest_size=DIGEST).digest()
        return cls(shape, weights, digest)


def _convert(tensors: dict[str, np.ndarray]) -> tuple[Shape, list[np.ndarray]]:
    """Shape and weights in the order of native/src/network.h."""
    embedding = tensors["embedding.weight"]
    hidden = tensors["recurrent.weight_hh_l0"].shape[1]
    layers = sum(name.startswith("recurrent.weight_hh_l") for name in tensors)
    if hidden > MOST_HIDDEN or layers > MOST_LAYERS:
        raise ValueError(f"{layers} layers of {hidden} units are more than {MOST_LAYERS} of {MOST_HIDDEN}")
    tables, matrices = [], []
    for layer in range(layers):
        of = {kind: tensors[f"recurrent.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        source = np.zeros((256, 0)) if layer else embedding
        below = of["weight_ih"]
        tables.append(_product(source, below if layer == 0 else below[:, :0]) + of["bias_ih"] + of["bias_hh"])
        last = tensors.get("output.weight", embedding) if layer == layers - 1 else np.zeros((256, hidden))
        matrices += [_of(of["weight_hh"], 4 * hidden, hidden), _of(last, 256, hidden)]
        matrices += [_of(below, 4 * hidden, hidden)] if layer else []
    shape = Shape(hidden=hidden, layers=layers, rate=RATE, last_rate=LAST_RATE)
    tables = [_of(table, 256, 4 * hidden) for table in tables]
    return shape, [*tables, _of(tensors["output.bias"][None], 1, 256), *matrices]


def _of(tensor: np.ndarray, *shape: int) -> np.ndarray:
    if tensor.shape != shape:
        raise ValueError(f"one has the shape {list(tensor.shape)}, not {list(shape)}")
    return tensor


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a times b transposed, summed in order: the same bits on every machine, which no library promises."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"embeddings of {a.shape[1]} values for layers that read {b.shape[1]}")
    total = np.zeros((len(a), len(b)))
    for column in range(a.shape[1]):
        total += a[:, column, None] * b[:, column]
    return total
