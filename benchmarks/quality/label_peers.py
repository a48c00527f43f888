"""What keepgate's tags stand beside: a plain LSTM in torch, a random field over features, the commonest tag.

A peer gets what is learned from and the tokens that are looked at last, and returns their tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from keepgate.data.text.sentences import Sentences
from keepgate.tasks.tag.scores import commonest_tags

Tags = list[list[str]]
Peer = Callable[[Sentences, Sequence[Sequence[str]]], Tags]
UPDATES = 600  # at least; five passes over large sets


def commonest(train: Sentences, tokens: Sequence[Sequence[str]]) -> Tags:
    """Return the commonest tag of each token."""
    rows = train.tags or []
    by_word = commonest_tags(train.tokens, rows)
    most = Counter(tag for row in rows for tag in row).most_common(1)[0][0]
    return [[by_word.get(token, most) for token in sentence] for sentence in tokens]


def torch_lstm(train: Sentences, tokens: Sequence[Sequence[str]]) -> Tags:
    """Return the tags of what one writes down first: vectors of words, a layer in both directions, a linear layer."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pad_sequence

    torch.manual_seed(0)
    tags = sorted({tag for row in train.tags or () for tag in row})
    words = {word: i + 2 for i, word in enumerate(sorted({word.lower() for row in train.tokens for word in row}))}
    X = [torch.tensor([words.get(word.lower(), 1) for word in row]) for row in train.tokens]
    Y = [torch.tensor([tags.index(tag) for tag in row]) for row in train.tags or ()]
    embedding, lstm = nn.Embedding(len(words) + 2, 100, padding_idx=0), nn.LSTM(100, 128, bidirectional=True)
    head, dropout = nn.Linear(256, len(tags)), nn.Dropout(0.3)
    parts = nn.ModuleList([embedding, lstm, head, dropout])
    optimizer = torch.optim.Adam(parts.parameters(), 1e-3)

    def scores(rows: list[torch.Tensor]) -> torch.Tensor:
        packed = nn.utils.rnn.pack_sequence([dropout(embedding(row)) for row in rows], enforce_sorted=False)
        return head(dropout(nn.utils.rnn.pad_packed_sequence(lstm(packed)[0])[0]))

    for _ in range(max(UPDATES, 5 * len(X) // 32)):
        rows = torch.randint(len(X), (32,)).tolist()
        unknown = [torch.where(torch.rand(len(X[i])) < 0.05, 1, X[i]) for i in rows]
        truth = pad_sequence([Y[i] for i in rows], padding_value=-1)
        loss = nn.functional.cross_entropy(scores(unknown).flatten(0, 1), truth.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    parts.eval()
    found: Tags = []
    with torch.no_grad():
        for row in tokens:
            given = torch.tensor([words.get(word.lower(), 1) for word in row])
            found.append([tags[k] for k in scores([given])[:, 0].argmax(-1).tolist()])
    return found


def features(sentence: Sequence[str], i: int) -> dict[str, str | bool]:
    """Return the usual features of a token: its form, its ends, its shape, its neighbors."""
    word = sentence[i]
    found: dict[str, str | bool] = {
        "bias": True,
        "word": word.lower(),
        "title": word.istitle(),
        "upper": word.isupper(),
    }
    found |= {"digit": word.isdigit(), **{f"ends{n}": word[-n:] for n in (1, 2, 3)}, "begins": word[:3]}
    for step in (-2, -1, 1, 2):
        if 0 <= i + step < len(sentence):
            near = sentence[i + step]
            found |= {f"word{step}": near.lower(), f"title{step}": near.istitle()}
        else:
            found[f"edge{step}"] = True
    return found


def crf(train: Sentences, tokens: Sequence[Sequence[str]]) -> Tags:
    """Return the tags of CRFsuite's conditional random field over `features`."""
    from sklearn_crfsuite import CRF

    def described(rows: Sequence[Sequence[str]]) -> list[list[dict[str, str | bool]]]:
        return [[features(row, i) for i in range(len(row))] for row in rows]

    model = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    return [list(row) for row in model.fit(described(train.tokens), train.tags).predict(described(tokens))]


PEERS: dict[str, Peer] = {"commonest tag": commonest, "torch LSTM": torch_lstm, "CRF of features": crf}
