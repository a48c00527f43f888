"""A byte language model (`keepgate fit write --units bytes`) as the start of the predictor's LSTM.

The two networks are the same but for names: the embedding goes into the table of the first layer, biases into the
tables of all, and the layers below the last do not feed the output.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keepgate.compression.archive import DIGEST
from keepgate.errors import InputError, listed, quoted
from keepgate.native.predictor import Shape
from keepgate.store import read_model

__all__ = ["Pretrained"]

RATE, LAST_RATE = 0.002, 0.0005  # of learning on: the weights know something
MOST_HIDDEN, MOST_EMBEDDING, MOST_LAYERS = 2_048, 65_536, 8


@dataclass(frozen=True)
class Pretrained:
    """The weights of a run as the core takes them, float32, and their digest, which the archive carries."""

    shape: Shape
    weights: np.ndarray
    digest: bytes

    @classmethod
    def read(cls, run: str | os.PathLike[str]) -> Pretrained:
        """Read the model in the folder of a run.

        Raises:
            InputError: it is no language model of bytes, or its cell is not a plain LSTM.
        """
        config, tensors = read_model(run)
        parameters = config.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        stored = {"task": config.get("task")} | {name: parameters.get(name) for name in ("units", "cell", "adaptive")}
        for name, wanted in {"task": "write", "units": "bytes", "cell": "lstm", "adaptive": False}.items():
            if stored[name] != wanted:
                raise InputError(
                    f"{run} has {name} {quoted(stored[name])}, where compression begins with {wanted}; train one with: "
                    "keepgate fit write FILE --units bytes --out RUN"
                )
        try:
            shape, wide = _judged(tensors)
        except ValueError as error:
            raise InputError(
                f"{run} does not hold the tensors of an LSTM that reads and writes bytes: {error}"
            ) from None
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
            weights = np.concatenate([part.ravel() for part in _convert(shape, wide)]).astype(np.float32)
        if not np.isfinite(weights).all():
            raise InputError(f"{run} has weights that are no finite numbers; train it again")
        digest = hashlib.blake2b(repr(shape).encode() + weights.astype("<f4").tobytes(), digest_size=DIGEST).digest()
        return cls(shape, weights, digest)


def _judged(tensors: Mapping[str, np.ndarray]) -> tuple[Shape, dict[str, np.ndarray]]:
    """Return the network's sizes, and its tensors in float64; raise ValueError if one is missing or odd."""
    first = tensors.get("recurrent.weight_hh_l0", np.zeros(0)).shape
    vectors = tensors.get("embedding.weight", np.zeros(0)).shape
    if len(first) != 2 or len(vectors) != 2:
        raise ValueError("the embedding or the first layer is missing, or has no rows and columns")
    hidden, embedding = first[1], vectors[1]
    layers = sum(name.startswith("recurrent.weight_hh_l") for name in tensors)
    if not 0 < hidden <= MOST_HIDDEN or not 0 < embedding <= MOST_EMBEDDING or layers > MOST_LAYERS:
        raise ValueError(
            f"{layers} layers of {hidden} units and embeddings of {embedding} values are more than {MOST_LAYERS}, "
            f"{MOST_HIDDEN} and {MOST_EMBEDDING}, or none"
        )
    wanted = {"embedding.weight": (256, embedding), "output.bias": (256,)}
    for layer in range(layers):
        wanted[f"recurrent.weight_ih_l{layer}"] = (4 * hidden, hidden if layer else embedding)
        wanted[f"recurrent.weight_hh_l{layer}"] = (4 * hidden, hidden)
        wanted |= {f"recurrent.bias_{kind}_l{layer}": (4 * hidden,) for kind in ("ih", "hh")}
    if "output.weight" in tensors or embedding != hidden:  # else it is tied to the embedding
        wanted["output.weight"] = (256, hidden)
    if others := sorted(set(wanted) ^ set(tensors)):
        raise ValueError(f"{listed(others)} should not be there, or is missing")
    for name, shape in wanted.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            kind = f"{list(tensors[name].shape)} of {tensors[name].dtype}"
            raise ValueError(f"{name} is {kind}, not {list(shape)} of float32")
    shape = Shape(hidden=hidden, layers=layers, rate=RATE, last_rate=LAST_RATE)
    return shape, {name: tensor.astype(np.float64) for name, tensor in tensors.items()}


def _convert(shape: Shape, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the weights in the order of native/src/byte_lstm.h."""
    embedding = tensors["embedding.weight"]
    tables, matrices = [], []
    for layer in range(shape.layers):
        of = {kind: tensors[f"recurrent.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        below = of["weight_ih"]
        read = np.zeros((256, len(below))) if layer else _product(embedding, below)
        tables.append(read + of["bias_ih"] + of["bias_hh"])
        is_last = layer == shape.layers - 1
        last = tensors.get("output.weight", embedding) if is_last else np.zeros((256, shape.hidden))
        matrices += [of["weight_hh"], last, *([below] if layer else [])]
    return [*tables, tensors["output.bias"], *matrices]


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a times b transposed, summed in order: the same bits on every machine, which no library promises."""
    total = np.zeros((len(a), len(b)))
    for column in range(a.shape[1]):
        total += a[:, column, None] * b[:, column]
    return total
