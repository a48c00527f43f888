"""A script written for torch, moved to keepgate by one import.

    python examples/migrate_from_torch.py

The line below was ``from torch.nn import LSTM``. Nothing else is changed: with the same seed the weights begin as
torch's, and the printed numbers are the same to the digits shown.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from keepgate.nn import LSTM


class Tagger(nn.Module):
    """Says at each step whether a walk on the line has come back to where it began."""

    def __init__(self, hidden: int = 24) -> None:
        super().__init__()
        self.rnn = LSTM(1, hidden, num_layers=2, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, walks):
        """Return the logits [T, B] of packed walks, and their lengths."""
        output, _ = self.rnn(walks)
        padded, lengths = pad_packed_sequence(output)
        return self.head(padded).squeeze(-1), lengths


def batch(rows: int, longest: int):
    """Draw walks of different lengths: steps of +1 and -1, and where the position is zero."""
    steps = [torch.randint(2, (int(n),)) * 2.0 - 1 for n in torch.randint(5, longest + 1, (rows,))]
    home = nn.utils.rnn.pad_sequence([(walk.cumsum(0) == 0).float() for walk in steps])
    return pack_sequence([walk[:, None] for walk in steps], enforce_sorted=False), home


def main(updates: int = 60) -> list[float]:
    """Train; return and print the loss of every tenth update and the share of steps that are right at the end."""
    torch.manual_seed(0)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    numbers = []
    for update in range(updates):
        walks, home = batch(32, 30)
        logits, lengths = model(walks)
        inside = torch.arange(len(home))[:, None] < lengths
        loss = nn.functional.binary_cross_entropy_with_logits(logits[inside], home[inside])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % 10 == 9:
            numbers.append(loss.item())
            print(f"update {update + 1}: loss {loss.item():.4f}")
    model.eval()
    walks, home = batch(200, 30)
    with torch.no_grad():
        logits, lengths = model(walks)
    inside = torch.arange(len(home))[:, None] < lengths
    numbers.append(((logits > 0) == (home > 0))[inside].float().mean().item())
    print(f"right at {100 * numbers[-1]:.2f} % of the steps")
    return numbers


if __name__ == "__main__":
    main()
