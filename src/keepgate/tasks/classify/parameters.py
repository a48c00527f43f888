"""What a user can say of classification: its parameters, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from keepgate.tasks.common.class_weights import check_class_weight
from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    INIT,
    SHARE,
    STRENGTH,
    EnsembleParameters,
    HeldOutParameters,
    estimator,
    param,
)
from keepgate.tasks.common.sequence_parameters import SequenceParameters

EPOCHS_HELP = "passes over the training data (none: at least 20, and for few data up to 500: 1500 updates)"
SELECT = ("accuracy", "macro-f1", "loss")  # what chooses an epoch


@estimator
class SequenceClassifierParameters(SequenceParameters, HeldOutParameters, EnsembleParameters):
    """Parameters of `SequenceClassifier`."""

    TASK: ClassVar[str] = "classify"
    examples: ClassVar[str] = """\
  keepgate fit classify train.ts --out runs/vowels
  keepgate fit classify GunPoint_TRAIN.tsv --class-weight balanced --out runs/motions
  keepgate fit classify train.csv --valid valid.csv --id-column series --label-column kind --out runs/kinds
  keepgate fit classify train.ts --cell my_cells.py:MyCell --hidden-size 128 --out runs/mine"""

    bidirectional: bool = param(True, "read the sequence in both directions")
    dropout: float = param(0.5, "share of activations dropped while training", **SHARE)
    epochs: int | None = param(None, EPOCHS_HELP, **EPOCHS)
    batch_size: int = param(16, "examples in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    convolutions: bool | None = param(
        None, "let convolutions find local shapes and shorten long sequences first (none: yes, unless init is given)"
    )
    noise: float | None = param(
        None,
        "deviation of the noise on the standardized input while training (none: 0 before convolutions, else 0.5)",
        **STRENGTH,
    )
    label_smoothing: float = param(0.1, "share of each target that is spread over all classes", **SHARE)
    select: str = param(
        "accuracy", "what chooses the best epoch on the held-out part; the loss decides between equals", choices=SELECT
    )
    class_weight: str | Mapping[Any, Any] | None = param(
        None,
        'weights of classes: balanced, so that all weigh alike, however rare one is, or as in "rare=5 often=1"; in '
        "Python a dict, too (none: all examples weigh alike)",
        check=check_class_weight,
    )
    init: str | None = param(None, INIT)
