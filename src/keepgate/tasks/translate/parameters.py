"""What a user can say of translation: its parameters, with examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    FINE_TUNE,
    LAYERS,
    SHARE,
    SIZE,
    STRENGTH,
    HeldOutParameters,
    estimator,
    param,
)

KINDS = ("translate", "reply")
SELECT = ("bleu", "loss")  # what chooses an epoch
MOST_BEAM = 1_000  # hypotheses


@dataclass(frozen=True, kw_only=True)
class TranslateColumns:
    """How two parallel files are called."""

    source_suffix: str | None = param(
        None,
        "of two parallel files, train.de and train.en with DATA train, the sources' suffix (none: one file)",
    )
    target_suffix: str | None = param(None, "of two parallel files, the targets' suffix")


@estimator
class TranslatorParameters(HeldOutParameters):
    """Parameters of `Translator`."""

    TASK: ClassVar[str] = "translate"
    Columns: ClassVar[type] = TranslateColumns
    formats: ClassVar[tuple[str, ...]] = (".tsv", ".txt", ".jsonl", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit translate train.tsv --valid dev.tsv --lowercase --out runs/captions
  keepgate fit translate train.jsonl.gz --valid dev.jsonl.gz --hidden-size 384 --epochs 15 --out runs/large
  keepgate fit translate train --source-suffix de --target-suffix en --valid dev --out runs/parallel
  keepgate fit translate dialogues.tsv --task reply --out runs/replies"""

    task: str = param("translate", "what is learned: translations, or replies to messages", choices=KINDS)
    vocabulary: int = param(4000, "subwords of a language at most", minimum=257, maximum=2**22)
    shared: bool = param(False, "sources and targets have one vocabulary; with --task reply they always have")
    lowercase: bool = param(False, "turn all texts to lower case")
    embedding_size: int = param(256, "size of the vector learned for a subword", **SIZE)
    hidden_size: int = param(256, "units of each layer", **SIZE)
    num_layers: int = param(2, "layers of the encoder, and of the decoder", **LAYERS)
    bidirectional: bool = param(True, "the encoder's first layer reads in both directions, with half the units each")
    dropout: float = param(0.3, "share of activations dropped while training, the same for a whole text", **SHARE)
    label_smoothing: float = param(0.1, "share of probability aimed at all subwords alike", **SHARE)
    beam: int = param(6, "hypotheses kept while searching for a translation", minimum=1, maximum=MOST_BEAM)
    length_penalty: float = param(
        1.0, "power of the length that log-probabilities are divided by", minimum=0, maximum=100
    )
    coverage_penalty: float = param(0.0, "weight of what was not attended to", **STRENGTH)
    epochs: int | None = param(
        None, "passes over the training data (none: at least 7, and for few data up to 100: 3000 updates)", **EPOCHS
    )
    batch_size: int = param(64, "examples in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(2e-3, "highest step size of the optimizer", **STRENGTH)
    select: str | None = param(
        None,
        "what chooses the best epoch on the held-out part; the loss decides between equals (none: BLEU of translations "
        "without a beam; for replies the loss)",
        choices=SELECT,
    )
    init: str | None = param(None, FINE_TUNE)
