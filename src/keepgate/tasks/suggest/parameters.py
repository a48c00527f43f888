"""What a user can say of suggestions: its parameters, with examples."""

from __future__ import annotations

from typing import ClassVar

from keepgate.objectives.ngram import MOST_ORDER
from keepgate.tasks.common.parameters import EPOCHS, FINE_TUNE, SIZE, STEPS, STRENGTH, Parameters, estimator, param
from keepgate.tasks.write.parameters import MOST_UNITS


@estimator
class SuggesterParameters(Parameters):
    """Parameters of `Suggester`."""

    TASK: ClassVar[str] = "suggest"
    formats: ClassVar[tuple[str, ...]] = (".txt", "any other text in UTF-8", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit suggest report.txt --out runs/report
  keepgate fit suggest letters.txt --valid letter.txt --vocabulary-size 20000 --out runs/letters"""

    vocabulary_size: int = param(
        8000, "words and marks that the network knows: the commonest", minimum=2, maximum=MOST_UNITS
    )
    embedding_size: int = param(96, "size of the vector learned for a word", **SIZE)
    hidden_size: int = param(192, "units of each layer", **SIZE)
    order: int = param(2, "words that the n-grams look at together", minimum=1, maximum=MOST_ORDER)
    dropout: float = param(0.3, "share of values dropped, by one mask for a window", minimum=0, maximum=0.95)
    weight_drop: float = param(0.2, "share of the recurrent weights dropped in a window", minimum=0, maximum=0.95)
    window: int = param(35, "steps that the gradient goes back; the state goes on", **STEPS)
    epochs: int | None = param(
        None, "passes over the training text (none: at least 4, and for short texts up to 20: 1000 updates)", **EPOCHS
    )
    learning_rate: float = param(4e-3, "highest step size of the optimizer", **STRENGTH)
    init: str | None = param(None, FINE_TUNE)
