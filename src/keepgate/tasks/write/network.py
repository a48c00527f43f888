"""A recurrent language model: embedding, recurrent layers, and a softmax that may be tied or adaptive.

The tensors of its file, V units, E values of an embedding, H hidden units of the layers k = 0, 1, ...:

* `embedding.weight` [V, E];
* `recurrent.weight_ih_lk` [4H, E or H], `recurrent.weight_hh_lk` [4H, H], `recurrent.bias_ih_lk` [4H] and
  `recurrent.bias_hh_lk` [4H] for an LSTM, gates in the order i, f, g, o; for other cells as `Recurrent` names them;
* `output.weight` [V, H], left out where it is tied (then E = H and the embedding is taken), and `output.bias` [V]; with
  an adaptive softmax the tensors of `torch.nn.AdaptiveLogSoftmaxWithLoss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keepgate import networks as blocks
from keepgate.networks import INT64, Input, Network, Step, Value
from keepgate.nn import Recurrent
from keepgate.nn.blocks import AdaptiveSoftmax
from keepgate.nn.network import NetworkModule

CHUNK = 1024  # steps that are evaluated at once
SHARES = (0.75, 0.95)  # of the text, that the clusters of an adaptive softmax reach up to


def language(
    recurrent: blocks.Recurrent, counts: np.ndarray, dropout: tuple[float, float], *, tied: bool, adaptive: bool
) -> Network:
    """Return the network from units to log-probabilities of the next unit after each, [T, B, V], time first.

    Args:
        recurrent: the recurrent layers.
        counts: how often each of the V units is in the training text.
        dropout: shares of the values of an embedding and of an output that are dropped, the same for all steps of a
            window.
        tied: whether the output's weights are the embedding (Press & Wolf 2017).
        adaptive: whether rare units are predicted in clusters, with fewer weights (Grave et al. 2017).
    """
    size, (before, after) = recurrent.output_size, dropout
    states = recurrent.initial()
    if adaptive:
        last = (Step("output", adaptive_softmax(size, counts), ("outputs",)),)
    else:
        product = blocks.Linear(size, len(counts), tied="embedding.weight" if tied else None)
        last = (Step("output", product, ("outputs",)), Step("log_probs", blocks.Softmax(log=True), ("output",)))
    return Network(
        (Input("units", Value(INT64, ("time", "batch"))), *states),
        (
            Step("embedding", blocks.Embedding(len(counts), recurrent.input_size), ("units",)),
            Step("entering", blocks.Dropout(before, axis=0), ("embedding",)),
            Step("recurrent", recurrent, ("entering", "", *(state.name for state in states))),
            Step("outputs", blocks.Dropout(after, axis=0), ("recurrent",)),
            *last,
        ),
        (last[-1].name, *(f"recurrent.{state}" for state in recurrent.widths)),
    )


def adaptive_softmax(width: int, counts: np.ndarray) -> blocks.AdaptiveSoftmax:
    """Return an adaptive softmax with clusters at `cutoffs`, for units that are counted so often."""
    order = np.argsort(-counts, kind="stable")
    places = cutoffs(counts[order])
    shrink = min(4.0, width ** (1 / len(places)))
    return blocks.AdaptiveSoftmax(width, tuple(places), shrink, tuple(np.argsort(order).tolist()))


class LanguageNetwork(NetworkModule):
    """`language` with its loss."""

    DRAWN = ("recurrent",)
    embedding: nn.Embedding
    recurrent: Recurrent

    def __init__(self, description: Network, backend: str = "auto") -> None:
        super().__init__(description, backend)
        if isinstance(self.output, nn.Linear):
            nn.init.zeros_(self.output.bias)

    def forward(self, numbers: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return outputs [T, B, H] of the last layer after each of the units [T, B], and the state they end in."""
        (outputs,), state = self.run_on({"units": numbers}, state, "outputs")
        return outputs, state

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Return natural logarithms of the probabilities of the next unit, [..., V], after outputs [..., H]."""
        return self.run({"outputs": outputs}, self.description.outputs[0])

    @staticmethod
    def loss(network: LanguageNetwork, window: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the mean negative log-probability of a window's next units, in nats, and the state to carry on."""
        numbers, following = window
        outputs, state = network(numbers, state)
        outputs, following = outputs.flatten(0, 1), following.flatten()
        if isinstance(network.output, AdaptiveSoftmax):
            return network.output.loss(outputs, following), state
        return nn.functional.cross_entropy(network.run({"outputs": outputs}, "output"), following), state


def described(network: Network) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Return the inputs and outputs of the exported model: by value, name and text."""
    states = [entry for entry in network.inputs if entry.optional]
    text = "state {} {}, [B, layers, {}]"
    named = [(entry.name.removeprefix("state."), entry.value.width) for entry in states]
    entering = {f"state.{k}": (f"initial_{k}", text.format(k, "before the first unit", w)) for k, w in named}
    ending = {f"recurrent.{k}": (f"final_{k}", text.format(k, "after the last unit", w)) for k, w in named}
    value, count = network.outputs[0], network.values()[network.outputs[0]].width
    log_probs = ("log_probs", f"logarithms of the probabilities of the unit after each, [T, B, {count}]")
    return {"units": ("units", "numbers of the units, [T, B]"), **entering}, {value: log_probs, **ending}


def cutoffs(counts: np.ndarray) -> list[int]:
    """Return where the clusters of units with falling counts end: after those that make up `SHARES` of the text."""
    reached = np.searchsorted(np.cumsum(counts) / counts.sum(), SHARES) + 1
    return sorted({int(place) for place in reached if 0 < place < len(counts)}) or [len(counts) - 1]


def text_log_probs(network: LanguageNetwork, numbers: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the probability of each unit [N] after all before it.

    The state is carried through the whole text. Before the first unit the recurrent layers' output is taken to be zero.
    """
    series = torch.from_numpy(numbers)[:, None].to(network.embedding.weight.device)
    chunks, state = [], None
    with torch.inference_mode():
        last = torch.zeros(1, 1, network.recurrent.output_size, device=series.device)
        for start in range(0, len(series), CHUNK):
            chunk = series[start : start + CHUNK]
            outputs, state = network(chunk, state)
            log_probs = network.log_probs(torch.cat([last, outputs[:-1]]))
            chunks.append(log_probs.gather(-1, chunk[..., None])[:, 0, 0].double().cpu())
            last = outputs[-1:]
    return torch.cat(chunks).numpy()
