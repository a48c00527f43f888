"""What a user can say of tagging: its parameters, how a file's columns are called, and examples of it."""

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
    EnsembleParameters,
    HeldOutParameters,
    estimator,
    param,
)

SELECT = ("f1", "accuracy", "loss")  # what chooses an epoch


@dataclass(frozen=True, kw_only=True)
class TagColumns:
    """Columns of a CoNLL file, counted from 1."""

    token_column: int | None = param(
        None, "CoNLL: column of the tokens (none: the first; in CoNLL-U the second)", minimum=1, maximum=10_000
    )
    tag_column: int | None = param(
        None, "CoNLL: column of the tags (none: the last; in CoNLL-U the fourth)", minimum=1, maximum=10_000
    )
    further_columns: tuple[str, ...] = param(
        (),
        "further columns of tags, each learned by an output of its own: CoNLL, counted from 1; JSON lines, their keys",
    )
    session_column: str | None = param(
        None,
        "carry the state through the sentences of a session: JSON lines, the key that names it; CoNLL, the comment "
        "that begins it, such as newdoc (none: every sentence begins anew)",
    )
    group_column: str | None = param(
        None,
        "hold out whole documents, or all of a writer: the key or comment that names them, as for sessions (none: "
        "sentences are held out one by one, sessions as a whole)",
    )


@estimator
class TaggerParameters(HeldOutParameters, EnsembleParameters):
    """Parameters of `Tagger`."""

    TASK: ClassVar[str] = "tag"
    Columns: ClassVar[type] = TagColumns
    formats: ClassVar[tuple[str, ...]] = (".conll", ".conllu", ".tsv", ".txt", ".jsonl", "each also .gz")
    examples: ClassVar[str] = """\
  keepgate fit tag train.conll --valid dev.conll --out runs/tags
  keepgate fit tag train.conllu.gz --valid dev.conllu.gz --tag-column 5 --out runs/fine
  keepgate fit tag train.conll --valid dev.conll --vectors glove.6B.100d.txt --out runs/names
  keepgate fit tag few.conll --unlabelled texts.txt --out runs/few
  keepgate fit tag train.conll --class-weight balanced --out runs/rare
  keepgate fit tag train.conll --tag-column 4 --further-columns 2 3 --out runs/all
  keepgate fit tag terms.jsonl --hidden-size 64 --epochs 30 --out runs/terms"""

    hidden_size: int = param(200, "units of each layer and direction", **SIZE)
    bidirectional: bool = param(True, "read the sequence in both directions")
    dropout: float = param(0.5, "share of activations dropped while training, the same for a whole sequence", **SHARE)
    word_size: int = param(100, "size of the vector learned for a word", **SIZE)
    character_size: int = param(64, "units a direction of the layer that reads a word's characters", **SIZE)
    least_count: int = param(
        2, "words that occur less often are known by their characters alone", minimum=1, maximum=2**31
    )
    word_dropout: float = param(0.25, "share of words taken for unknown while training", **SHARE)
    vectors: str | None = param(
        None,
        "file of vectors of words that were learned elsewhere, which are inputs too: text of GloVe, fastText (.vec) or "
        "word2vec, also .gz, binary word2vec (.bin), or .safetensors (none: no such vectors)",
    )
    unlabelled: str | None = param(
        None,
        "further text without tags, in the same forms or a sentence a line: two language models of its characters are "
        "learned first, forward and backward, and what they hold at a word in its sentence is an input too (none: "
        "nothing)",
    )
    language: tuple[str, ...] = param(
        (),
        "one or two runs of `keepgate fit write` instead, such as RUN/forward and RUN/backward of an earlier fit with "
        "unlabelled text: a language model, and one of the text written backwards",
    )
    crf: bool | None = param(
        None, "score neighboring tags together, by a conditional random field (none: where B-, I- and O mark spans)"
    )
    select: str | None = param(
        None,
        "what chooses the best epoch on the held-out part; the loss decides between equals (none: F1 of spans where "
        "B-, I- and O mark spans, else accuracy)",
        choices=SELECT,
    )
    class_weight: str | Mapping[Any, Any] | None = param(
        None,
        'weights of tags: balanced, so that all weigh alike, however rare one is, or as in "B-name=5 I-name=5"; in '
        "Python a dict, too (none: all tokens weigh alike)",
        check=check_class_weight,
    )
    init: str | None = param(None, INIT)
    epochs: int | None = param(
        None, "passes over the training data (none: at least 15, and for few data up to 200: 2000 updates)", **EPOCHS
    )
    batch_size: int = param(16, "sentences in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
