"""A word-level language model as one writes it for `torch.nn`; of keepgate there is one import.

    python examples/word_model.py TEXT
    python examples/word_model.py TEXT --epochs 6 --words 200 --compile --amp

Truncated back-propagation over a batch of streams, gradient clipping, a rate that falls by four whenever the last tenth
of the text gets no better, tied weights, and some sampled words at the end.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from keepgate.nn import LSTM  # as before: from torch.nn import LSTM

WINDOW = 20


class WordModel(nn.Module):
    """Embedding, LSTM layers, and a decoder that shares the embedding's weights."""

    def __init__(self, words: int, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(words, size)
        self.rnn = LSTM(size, size, layers, dropout=dropout)
        self.decoder = nn.Linear(size, words)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, words: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return scores [T, B, V] of the words that follow words [T, B], and the state."""
        output, state = self.rnn(self.drop(self.encoder(words)), state)
        return self.decoder(self.drop(output)), state

    def begin(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the state that a batch of streams begins in."""
        zeros = self.encoder.weight.new_zeros(self.rnn.num_layers, batch, self.rnn.hidden_size)
        return zeros, zeros


def streams(numbers: Tensor, batch: int) -> Tensor:
    """Return numbers [N] as streams side by side, [N // batch, batch]."""
    return numbers[: len(numbers) // batch * batch].view(batch, -1).t().contiguous()


def loss_of(model: nn.Module, data: Tensor, begin: tuple[Tensor, Tensor]) -> float:
    """Return the mean loss of a word."""
    model.eval()
    total, state = 0.0, begin
    with torch.no_grad():
        for i in range(0, len(data) - 1, WINDOW):
            words, targets = data[i : i + WINDOW], data[i + 1 : i + 1 + WINDOW]
            scores, state = model(words[: len(targets)], state)
            total += len(targets) * float(nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten()))
    return total / (len(data) - 1)


def train(
    text: str, *, epochs: int, size: int, dropout: float, compiled: bool, amp: bool, seed: int
) -> tuple[WordModel, list[str], list[float]]:
    """Return a model of a text, its words, and the held-out perplexity after each epoch."""
    torch.manual_seed(seed)
    tokens = text.split()
    names = sorted(set(tokens))
    number = {name: k for k, name in enumerate(names)}
    numbers = torch.tensor([number[token] for token in tokens])
    cut = len(numbers) * 9 // 10
    data, held_out = streams(numbers[:cut], 8), streams(numbers[cut:], 2)
    model = WordModel(len(names), size, 2, dropout)
    run = torch.compile(model) if compiled else model
    optimizer, best, perplexities = torch.optim.SGD(model.parameters(), 5.0), math.inf, []
    for _ in range(epochs):
        model.train()
        state = model.begin(8)
        for i in range(0, len(data) - 1, WINDOW):
            targets = data[i + 1 : i + 1 + WINDOW]
            state = tuple(part.detach() for part in state)
            optimizer.zero_grad()
            with torch.autocast("cpu", enabled=amp):
                scores, state = run(data[i : i + len(targets)], state)
                loss = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
        loss = loss_of(model, held_out, model.begin(2))
        perplexities.append(math.exp(loss))
        if loss >= best:
            optimizer.param_groups[0]["lr"] /= 4
        best = min(best, loss)
    return model, names, perplexities


def sample(model: WordModel, names: list[str], count: int) -> str:
    """Return words drawn one after the other."""
    model.eval()
    word, state, drawn = torch.randint(len(names), (1, 1)), model.begin(1), []
    with torch.no_grad():
        for _ in range(count):
            scores, state = model(word, state)
            word = torch.multinomial(scores[0].softmax(-1), 1)
            drawn.append(names[int(word)])
    return " ".join(drawn)


def main() -> None:
    """Train, print the perplexities and some words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, metavar="TEXT", help="file of the text")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=200, help="units of a layer (default: %(default)s)")
    parser.add_argument("--dropout", type=float, default=0.2, help="share of values (default: %(default)s)")
    parser.add_argument("--words", type=int, default=50, help="words to sample (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--amp", action="store_true", help="under torch.autocast")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    text, sizes = options.text.read_text(), {"epochs": options.epochs, "size": options.size, "dropout": options.dropout}
    how = {"compiled": options.compile, "amp": options.amp, "seed": options.seed}
    model, names, perplexities = train(text, **sizes, **how)
    print("held-out perplexity after each epoch:", *(f"{value:.1f}" for value in perplexities))
    print(sample(model, names, options.words))


if __name__ == "__main__":
    main()
