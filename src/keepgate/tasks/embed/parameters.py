"""What a user can say of the autoencoder: its parameters, with examples."""

from __future__ import annotations

from typing import ClassVar

from keepgate.tasks.common.parameters import SIZE, STRENGTH, estimator, param
from keepgate.tasks.common.sequence_parameters import SequenceParameters


@estimator
class SequenceAutoencoderParameters(SequenceParameters):
    """Parameters of `SequenceAutoencoder`."""

    TASK: ClassVar[str] = "embed"
    examples: ClassVar[str] = """\
  keepgate fit embed series.csv --out runs/shapes
  keepgate fit embed history.csv --piece 48 --valid later.csv --out runs/ordinary
  keepgate fit classify few_labels.csv --init runs/shapes --out runs/kinds"""

    bidirectional: bool = param(True, "read the sequence in both directions")
    vector_size: int = param(32, "size of the vector that stands for a sequence", **SIZE)
    piece: int | None = param(
        None, "cut series into pieces of so many steps (none: each is read whole)", minimum=2, maximum=1_000_000_000
    )
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    noise: float = param(0.2, "deviation of the noise on the standardized input while training", **STRENGTH)
