"""What weights in fewer bits cost: `python -m benchmarks.fewer_bits MODEL DATA` scores a saved model with each storage.

MODEL is the folder of a trained model, DATA a labelled file such as it was trained on. The recurrent layers are frozen
with their weights stored in full, as bfloat16 and as int8; all other layers stay in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

import keepgate
from keepgate.nn import Recurrent
from keepgate.tasks import face

__all__ = ["STORAGES", "stored"]

STORAGES = ("full", "bfloat16", "int8")


@contextmanager
def stored(network: nn.Module, storage: str) -> Iterator[None]:
    """Let the recurrent layers of a network be frozen with weights stored so, for the time being."""
    layers = {name: module for name, module in network.named_modules() if isinstance(module, Recurrent)}
    for name, layer in layers.items():
        network.set_submodule(name, layer.frozen(storage))
    try:
        yield
    finally:
        for name, layer in layers.items():
            network.set_submodule(name, layer)


def main() -> None:
    """Print the scores with each storage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fewer_bits", description=__doc__)
    parser.add_argument("model", type=Path, help="folder of a trained model")
    parser.add_argument("data", type=Path, help="labelled file")
    arguments = parser.parse_args()
    model = keepgate.load(arguments.model)
    data = face(model).read_alike(arguments.data)
    for storage in STORAGES:
        with stored(model.network_, storage):
            for row in face(model).evaluate(data):
                print(storage, *(f"{key} {value:.4f}" for key, value in row.items() if isinstance(value, float)))


if __name__ == "__main__":
    main()
