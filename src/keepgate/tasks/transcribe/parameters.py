"""What a user can say of transcription: its parameters, how a file's columns are called, and how a model decodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.objectives.ngram import MOST_ORDER
from keepgate.tasks.common.parameters import (
    BANDS,
    EPOCHS,
    EXAMPLES,
    FINE_TUNE,
    FREEZE,
    HERTZ,
    LAYERS,
    NORM,
    SHARE,
    SIZE,
    STRENGTH,
    EnsembleParameters,
    HeldOutParameters,
    estimator,
    param,
)

SYMBOLS = ("characters", "words")
BEAM = 50  # readings followed where a language is known and no beam is given
SELECT = ("label-error-rate", "loss")  # what chooses an epoch


@dataclass(frozen=True, kw_only=True)
class TranscribeColumns:
    """What a manifest's columns are called, and how its files are read."""

    path_column: str = param("path", "manifest: column of the file of each row, relative to the manifest")
    text_column: str = param("text", "manifest: column of what is said or written")
    session_column: str | None = param(
        None, "manifest: column of the session, through whose rows the state is carried (none: every row begins anew)"
    )
    group_column: str | None = param(
        None,
        "manifest: column of the speaker or writer; what is held out are all rows of some (none: any rows)",
    )
    rate: int | None = param(
        None, "resample recordings to this rate in Hz (none: all must have the first one's)", **HERTZ
    )
    skip_bad: bool = param(False, "leave out rows that cannot be used, and list them in skipped.csv of the run")


@estimator
class TranscriberParameters(HeldOutParameters, EnsembleParameters):
    """Parameters of `Transcriber`."""

    TASK: ClassVar[str] = "transcribe"
    Columns: ClassVar[type] = TranscribeColumns
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit transcribe train.csv --valid dev.csv --out runs/digits
  keepgate fit transcribe words.jsonl.gz --valid dev.jsonl.gz --epochs 30 --out runs/handwriting
  keepgate fit transcribe phonemes.csv --symbols words --rate 16000 --skip-bad --out runs/phonemes"""

    symbols: str = param("characters", "what texts are made of: characters, or words apart by spaces", choices=SYMBOLS)
    bands: int = param(40, "recordings: mel bands", **BANDS)
    stack: int | None = param(
        None,
        "features (10 ms of a recording, points of ink) that make a step (none: up to 4, as the length of the texts "
        "allows)",
        minimum=1,
        maximum=1_000,
    )
    augment: float = param(0.5, "how much utterances are varied while training (0: not at all)", minimum=0, maximum=100)
    hidden_size: int = param(128, "units of each layer and direction", **SIZE)
    num_layers: int = param(3, "recurrent layers, one above the other", **LAYERS)
    bidirectional: bool = param(True, "read the utterance in both directions; without, a live stream can be read")
    dropout: float = param(0.2, "share of activations dropped while training", **SHARE)
    epochs: int | None = param(
        None, "passes over the training data (none: at least 15, and for few data up to 200: 6000 updates)", **EPOCHS
    )
    batch_size: int = param(16, "utterances in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    select: str = param(
        SELECT[0], "what chooses the best epoch on the held-out part; the loss decides between equals", choices=SELECT
    )
    clip_norm: float | None = param(5.0, "largest norm of the gradient; longer ones are scaled down", **NORM)
    init: str | None = param(None, FINE_TUNE)
    freeze: bool = param(False, FREEZE)


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """Options of decoding; those that are None follow from the language, see `LANGUAGES`."""

    beam: int | None = param(
        None,
        f"readings followed at a time (none: {BEAM} with a language model, else the most probable symbol of each step)",
        minimum=1,
        maximum=100_000,
    )
    language_model: str | None = param(None, "plain text file to learn the language from: a sentence or a word a line")
    language: str = param(
        "symbols",
        "what is learned from it: which symbols follow each other, or a list of words and their order",
        choices=("symbols", "words"),
    )
    new_words: bool = param(False, "words that are not in the list may come too, where the scores are clear")
    order: int | None = param(
        None, "symbols or words that the language model looks at together (none: 6 or 3)", minimum=1, maximum=MOST_ORDER
    )
    weight: float | None = param(None, "weight of the language model (none: 0.8 or 1)", **STRENGTH)
    bonus: float | None = param(
        None, "added for each symbol or word, against short readings (none: 1.2 or 0)", minimum=-1e6, maximum=1e6
    )
