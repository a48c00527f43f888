"""The network of `Translator`: deep residual recurrent encoder, and a decoder that attends to all that was encoded.

After Wu et al. 2016, "Google's Neural Machine Translation System" (GNMT): the encoder's first layer reads in both
directions, further layers are residual, and what the bottom layer of the decoder attends to goes into all layers above
it. As no layer waits for an attention of the step before, training runs each layer over the whole sentence at once.
The top layer attends once more (Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.3), for
the output; attention is bilinear (Luong, Pham & Manning 2015, eq. 8, "general") and goes into the output as in their
eq. 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import INT64, Input, Network, Step, Value
from keepgate.nn.network import NetworkModule


class Decoding(NamedTuple):
    """The decoder's state in each of B sentences.

    Attributes:
        memory: what it attends to, [B, S, H].
        lengths: of the sources, [B].
        states: of its layers; None: zeros.
    """

    memory: Tensor
    lengths: Tensor
    states: tuple[Tensor | None, ...]

    @property
    def inside(self) -> Tensor:
        """Whether a place is within the source, [B, S]."""
        return torch.arange(self.memory.shape[1], device=self.memory.device) < self.lengths[:, None]


def translator(
    encoder: Sequence[blocks.Recurrent],
    decoder: Sequence[blocks.Recurrent],
    symbols: tuple[int, int],
    *,
    shared: bool,
    dropout: float,
) -> Network:
    """Return the network from a source [B, S] and the target so far [B, T] to log-probabilities of the next symbols.

    One dropout mask a sentence is put on all that goes into recurrent layers and into the output (Gal & Ghahramani
    2016). The output's weights are the vectors of the target's symbols (Press & Wolf 2017). Vectors are scaled to
    values of about 1 when they are read; as the output's weights they are small (Vaswani et al. 2017, 3.4).

    Args:
        encoder: its layers; the first may read in both directions.
        decoder: its layers.
        symbols: how many there are of sources and of targets.
        shared: whether sources and targets have the same vectors.
        dropout: share of values that are dropped.
    """
    size, hidden = encoder[0].input_size, encoder[0].output_size
    states = [layer.initial(name=f"state.{k}") for k, layer in enumerate(decoder)]
    steps: list[Step] = []

    def step(name: str, block: blocks.Block, *sources: str, **more: Any) -> str:
        steps.append(Step(name, block, sources, **more))
        return name

    def dropped(name: str, source: str) -> str:
        return step(name, blocks.Dropout(dropout, axis=1), source)

    def read(name: str, given: str, count: int, **more: Any) -> str:
        return step(name, blocks.Embedding(count, size, scale=size**0.5), given, **more)

    sharing = {"prefix": "target", "copied": True} if shared else {}
    x = dropped("source_read", read("source", "source_symbols", symbols[0], **sharing))
    x = step("encoder.0", encoder[0], x, "source_lengths")
    for k, layer in enumerate(encoder[1:], 1):
        above = step(f"encoder.{k}", layer, dropped(f"encoder_read.{k}", x), "source_lengths")
        x = step(f"encoded.{k}", blocks.Add(), x, above)
    memory = x, "source_lengths"
    begun = step("begin", blocks.Linear(hidden, hidden), step("mean", blocks.Pool("mean"), *memory))
    first = step("first", blocks.Reshape((1, hidden)), step("begun", blocks.Activation("tanh"), begun))
    x = dropped("target_read", read("target", "target_symbols", symbols[1]))
    x = step("decoder.0", decoder[0], x, "", first, *(state.name for state in states[0][1:]))
    context = step("attend.0", blocks.Attention(hidden), x, *memory)
    for k, layer in enumerate(decoder[1:], 1):
        entering = dropped(f"decoder_read.{k}", step(f"joined.{k}", blocks.Concat(), x, context))
        above = step(f"decoder.{k}", layer, entering, "", *(state.name for state in states[k]))
        x = step(f"decoded.{k}", blocks.Add(), x, above)
    if len(decoder) > 1:
        context = step("attend.1", blocks.Attention(hidden), x, *memory)
    joined = dropped("joined_read", step("joined", blocks.Concat(), x, context))
    combined = step("combine", blocks.Linear(2 * hidden, size), joined)
    told = dropped("told", step("combined", blocks.Activation("tanh"), combined))
    scores = step("scores", blocks.Linear(size, symbols[1], tied="target.weight"), told, prefix="")
    log_probs = step("log_probs", blocks.Softmax(log=True), scores)
    inputs = (
        Input("source_symbols", Value(INT64, ("batch", "places"))),
        Input("source_lengths", Value(INT64, ("batch",))),
        Input("target_symbols", Value(INT64, ("batch", "time"))),
        *(state for layer in states for state in layer if state.name != states[0][0].name),
    )
    return Network(inputs, tuple(steps), (log_probs, f"{context}.weights", memory[0]))


class TranslatorNetwork(NetworkModule):
    """`translator` with its loss, and cut in two for a search."""

    LISTED = ("encoder", "decoder", "target", "source")
    DRAWN = LISTED

    def __init__(self, description: Network, backend: str, *, smoothing: float) -> None:
        super().__init__(description, backend)
        self.smoothing = smoothing
        decoder = [step for step in description.steps if step.name.startswith("decoder.")]
        self.entering = [name for step in decoder for name in step.sources[2:]]  # the states before, and after a step
        self.ending = [name for step in decoder for name in description.results(step)[1:]]

    def _draw(self, step: Step) -> None:
        super()._draw(step)
        drawn = {"source": ("source", "target"), "target": ("target",)}
        last = "source" if self.description.by_name["source"].prefix is None else "target"
        for name in drawn[last] if step.name == last else ():
            weight = self.get_parameter(f"{name}.weight")
            nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def encode(self, source: Tensor, lengths: Tensor) -> Decoding:
        """Read sources [B, S] of these lengths [B]; return the decoder's state before its first step."""
        given = {"source_symbols": source, "source_lengths": lengths}
        memory, first = self.run(given, self.description.outputs[2], "first")
        return Decoding(memory, lengths, (first, *[None] * (len(self.entering) - 1)))

    def decode(self, symbols: Tensor, at: Decoding) -> tuple[Tensor, Tensor, Decoding]:
        """Read the T target symbols [B, T] that come next.

        Returns:
            The vectors [B, T, E] that the next symbols are predicted from (see `scores`), the top layer's weights of
            attention [B, T, S], and the decoder's state afterwards.
        """
        _, weights, memory = self.description.outputs
        given = {"target_symbols": symbols, memory: at.memory, "source_lengths": at.lengths}
        given |= dict(zip(self.entering, at.states, strict=True))
        vectors, attended, *states = self.run(given, "told", weights, *self.ending)
        return vectors, attended, at._replace(states=tuple(states))

    def scores(self, vectors: Tensor) -> Tensor:
        """Return the logits [..., V] of the next symbol from vectors of `decode`."""
        return self.run({"told": vectors}, "scores")

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Return the mean cross entropy of the targets' symbols, while training smoothed (Szegedy et al. 2016)."""
        source, lengths, target, target_lengths = batch
        before = torch.roll(target, 1, 1)
        before[:, 0] = target.gather(1, target_lengths[:, None] - 1)[:, 0]  # the end is the beginning
        vectors, _, _ = self.decode(before, self.encode(source, lengths))
        inside = torch.arange(target.shape[1], device=target.device) < target_lengths[:, None]
        smoothing = self.smoothing if self.training else 0.0
        return F.cross_entropy(self.scores(vectors[inside]), target[inside], label_smoothing=smoothing)

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nsmoothing={self.smoothing}"
