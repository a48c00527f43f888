"""What a user can say of classification: its parameters, with examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from keepgate.tasks.common.class_weights import check_class_weight
from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    INIT,
    SHARE,
    SIZE,
    STRENGTH,
    TABLES,
    CrossedParameters,
    EnsembleParameters,
    estimator,
    param,
)
from keepgate.tasks.common.sequence_parameters import GroupedColumns, SequenceParameters

EPOCHS_HELP = "passes over the training data (none: 20; for few data up to 500, 1500 updates; for many down to 3)"
UNITS = ("words", "characters", "subwords", "bytes")  # of texts
SELECT = ("accuracy", "macro-f1", "loss")  # what chooses an epoch


@dataclass(frozen=True, kw_only=True)
class ClassifyColumns(GroupedColumns):
    """Names of the columns of a table: a row for each step of each series, for each series, or for each text."""

    text_column: str = param(
        "text", "tables, JSON lines: column of texts; a file that has it holds texts, one a row, and no series"
    )


@estimator
class SequenceClassifierParameters(SequenceParameters, CrossedParameters, EnsembleParameters):
    """Parameters of `SequenceClassifier`."""

    TASK: ClassVar[str] = "classify"
    Columns: ClassVar[type] = ClassifyColumns
    formats: ClassVar[tuple[str, ...]] = (*TABLES, ".ts", ".jsonl")
    examples: ClassVar[str] = """\
  keepgate fit classify train.ts --out runs/vowels
  keepgate fit classify GunPoint_TRAIN.tsv --class-weight balanced --out runs/motions
  keepgate fit classify train.csv --valid valid.csv --id-column series --label-column kind --out runs/kinds
  keepgate fit classify reviews.csv --text-column review --label-column stars --out runs/stars
  keepgate fit classify acts.jsonl --units characters --ensemble 3 --out runs/acts
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
    units: str = param("words", "texts: what they are read by", choices=UNITS)
    least_count: int = param(2, "texts: how often a word must occur to be known", **EXAMPLES)
    vocabulary_size: int = param(4000, "texts: the most subwords that there are", minimum=258, maximum=2**20)
    embedding_size: int = param(64, "texts: size of the vector of a unit", **SIZE)
    unit_dropout: float = param(0.1, "texts: share of the units taken for unknown while training", **SHARE)
    vectors: str | None = param(
        None, "texts: file of vectors of words to begin with (GloVe, fastText .vec, word2vec, safetensors)"
    )
