"""Translations and replies: what a beam search finds for texts, as texts again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from keepgate.data.text.tokens import Tokens
from keepgate.errors import InputError
from keepgate.tasks.translate.beam import Hypothesis, Ranking, Start, different_starts, search
from keepgate.tasks.translate.network import Decoding, TranslatorNetwork
from keepgate.training import Score

__all__ = ["Translation", "as_translation", "bleu_score", "replies", "translations"]


class Translation(NamedTuple):
    """A text for a source.

    Attributes:
        text: the translation, or the reply.
        score: by which it is ranked; see `Ranking`.
        source_pieces: that the source is made of; the last is its end.
        pieces: that the text is made of, without its end.
        weights: how much each piece and the end (rows) attended to each piece of the source (columns).
    """

    text: str
    score: float
    source_pieces: list[str]
    pieces: list[str]
    weights: np.ndarray


def translations(
    network: TranslatorNetwork, batch: tuple[Tensor, Tensor], end: int, beam: int, count: int, ranking: Ranking
) -> list[list[Hypothesis]]:
    """Return the `count` best hypotheses for each source.

    Args:
        network: of the translator.
        batch: sources [B, S] and their lengths [B].
        end: the symbol that ends a target.
        beam: hypotheses that are followed.
        count: how many are wanted.
        ranking: of the hypotheses.
    """
    found = search(_step_of(network), _start(network, batch, end), end, max(beam, count), _limits(batch), ranking)
    return [_any(rows)[:count] for rows in found]


def replies(
    network: TranslatorNetwork, batch: tuple[Tensor, Tensor], end: int, beam: int, count: int, ranking: Ranking
) -> list[list[Hypothesis]]:
    """Return for each source `count` hypotheses that begin differently, best first; see `translations`."""
    step = _step_of(network)
    begun = different_starts(step, _start(network, batch, end), end, count)
    limits = _limits(batch).repeat_interleave(count)
    best = [_any(rows)[0] for rows in search(step, begun, end, beam, limits, ranking)]
    groups = (best[i : i + count] for i in range(0, len(best), count))
    return [sorted(group, key=lambda hypothesis: -hypothesis.score) for group in groups]


def as_translation(source: list[int], hypothesis: Hypothesis, tokens: tuple[Tokens, Tokens]) -> Translation:
    """Return a hypothesis for a source's symbols as a text, by the tokens of sources and of targets."""
    source_tokens, target_tokens = tokens
    return Translation(
        target_tokens.decode(hypothesis.symbols).strip(),
        hypothesis.score,
        [source_tokens.decode([symbol]) for symbol in source],
        [target_tokens.decode([symbol]) for symbol in hypothesis.symbols],
        hypothesis.weights[:, : len(source)].cpu().numpy(),
    )


def bleu_score(tokens: Tokens, lowercase: bool) -> Score:
    """Return BLEU of the most probable symbols one after the other, which a beam would improve by a little.

    Args:
        tokens: of the targets.
        lowercase: whether capitals count as small letters.
    """

    def measure(network: TranslatorNetwork, batch: Any, state: Any) -> tuple[Tensor, np.ndarray, None]:
        source, lengths, target, sizes = batch
        found = search(_step_of(network), _start(network, (source, lengths), tokens.end), tokens.end, 1, _limits(batch))
        texts = [tokens.decode(rows[0].symbols if rows else []).strip() for rows in found]
        truth = [tokens.decode(row[: n - 1].tolist()).strip() for row, n in zip(target, sizes.tolist(), strict=True)]
        from keepgate.tasks.translate.scores import bleu_counts  # which takes a package that predict does without

        return network.loss(batch), bleu_counts(texts, truth, lowercase), None

    def value(counts: np.ndarray) -> float:
        from keepgate.tasks.translate.scores import bleu_of

        return bleu_of(counts)

    return Score("bleu", measure, value)


def _start(network: TranslatorNetwork, batch: tuple[Tensor, Tensor], end: int) -> Start:
    state = network.encode(*batch)
    return Start.of(end, state.inside, state)


def _limits(batch: tuple[Tensor, Tensor]) -> Tensor:
    return 2 * batch[1] + 10


def _step_of(network: TranslatorNetwork):
    def step(symbols: torch.Tensor, state: Decoding) -> tuple[torch.Tensor, torch.Tensor, Decoding]:
        vectors, weights, state = network.decode(symbols[:, None], state)
        return network.scores(vectors[:, 0]).log_softmax(-1), weights[:, 0], state

    return step


def _any(rows: list[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses of a search; raise `InputError` if there are none, as with scores that are no numbers."""
    if not rows:
        raise InputError("the model's scores are no numbers: its weights are of no training; train it again")
    return rows
