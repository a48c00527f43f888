"""What a user can say of language models: its parameters, with examples."""

from __future__ import annotations

from typing import ClassVar

from keepgate.data.text.tokens import UNITS
from keepgate.tasks.common.parameters import EPOCHS, FINE_TUNE, SIZE, STEPS, STRENGTH, Parameters, estimator, param

MOST_UNITS = 2**22


@estimator
class LanguageModelParameters(Parameters):
    """Parameters of `LanguageModel`."""

    TASK: ClassVar[str] = "write"
    formats: ClassVar[tuple[str, ...]] = (".txt", "any other text", "with --units bytes any file", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit write plays.txt --out runs/plays
  keepgate fit write book.txt --valid other.txt --units subwords --adaptive --out runs/book
  keepgate fit write program.bin --units bytes --cell multiplicative_lstm --out runs/bytes"""

    units: str = param("characters", "units that the text is read by", choices=UNITS)
    vocabulary_size: int = param(8000, "subwords: how many at most", minimum=256, maximum=MOST_UNITS)
    embedding_size: int | None = param(64, "size of the vector learned for a unit (none: the hidden size)", **SIZE)
    hidden_size: int = param(512, "units of each layer", **SIZE)
    tied: bool = param(False, "use the embedding as the output's weights; its size has to be that of the output")
    adaptive: bool = param(False, "predict rare units in clusters, with fewer weights: for large vocabularies")
    dropout: float = param(
        0.25, "share of a layer's outputs dropped, by one mask for a window", minimum=0, maximum=0.95
    )
    embedding_dropout: float = param(
        0.0, "share of an embedding's values dropped, by one mask for a window", minimum=0, maximum=0.95
    )
    weight_drop: float = param(0.2, "share of the recurrent weights dropped in a window", minimum=0, maximum=0.95)
    window: int = param(64, "steps that the gradient goes back; the state goes on", **STEPS)
    epochs: int | None = param(
        None, "passes over the training text (none: at least 8, and for short texts up to 40: 2000 updates)", **EPOCHS
    )
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    init: str | None = param(None, FINE_TUNE)
