"""What a user can say of segmentation: its parameters, how a file's columns are called, and examples of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.tasks.common.parameters import (
    BANDS,
    EPOCHS,
    EXAMPLES,
    FINE_TUNE,
    FREEZE,
    HERTZ,
    LAYERS,
    SECONDS,
    SHARE,
    STRENGTH,
    HeldOutParameters,
    estimator,
    param,
)

SELECT = ("f1", "loss")  # what chooses an epoch


@dataclass(frozen=True, kw_only=True)
class SegmentColumns:
    """What a manifest's columns are called, and how its files are read."""

    path_column: str = param("path", "manifest: column of the file of each row, relative to the manifest")
    segments_column: str = param("segments", "manifest: column of the file of its segments (.csv, .json, .txt, .rttm)")
    group_column: str | None = param(
        None, "manifest: column of the speaker or the place; what is held out are all recordings of some (none: any)"
    )
    rate: int | None = param(
        None, "resample recordings to this rate in Hz (none: all must have the first one's)", **HERTZ
    )
    skip_bad: bool = param(False, "leave out recordings that cannot be used, and list them in skipped.csv of the run")


@estimator
class SegmenterParameters(HeldOutParameters):
    """Parameters of `Segmenter`."""

    TASK: ClassVar[str] = "segment"
    Columns: ClassVar[type] = SegmentColumns
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit segment train.csv --valid dev.csv --out runs/speech
  keepgate fit segment talks.jsonl --rate 16000 --no-bidirectional --out runs/live"""

    bands: int = param(40, "mel bands", **BANDS)
    augment: float = param(1.0, "how much recordings are varied while training (0: not at all)", minimum=0, maximum=100)
    piece: float = param(
        10.0, "seconds of the pieces that recordings are cut into while training", minimum=0.1, maximum=86_400
    )
    onset: float = param(0.6, "probability that a segment has to reach", **SHARE)
    offset: float = param(0.4, "probability below which a segment ends", **SHARE)
    min_on: float = param(0.1, "seconds below which a segment is left out", **SECONDS)
    min_off: float = param(0.1, "seconds below which the gap between two segments is closed", **SECONDS)
    num_layers: int = param(2, "recurrent layers, one above the other", **LAYERS)
    bidirectional: bool = param(True, "read the recording in both directions; without, only what was heard counts")
    dropout: float = param(0.2, "share of activations dropped while training, the same for a whole piece", **SHARE)
    select: str = param(
        SELECT[0], "what chooses the best epoch on the held-out part; the loss decides between equals", choices=SELECT
    )
    epochs: int | None = param(
        None, "passes over the training data (none: at least 20, and for few data up to 200: 2000 updates)", **EPOCHS
    )
    batch_size: int = param(8, "pieces in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    init: str | None = param(None, FINE_TUNE)
    freeze: bool = param(False, FREEZE)
