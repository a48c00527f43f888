"""What keepgate's transcripts stand beside: a plain LSTM in both directions under torch's CTC.

It hears the same log-mel bands, or sees the pen's steps; it has no augmentation, no schedule, no held-out part, and as
much processor time as keepgate took.
"""

from __future__ import annotations

import time
from itertools import groupby

import numpy as np

from keepgate.data.audio.log_mel import log_mel
from keepgate.data.recordings.manifest import Utterances

BANDS, STACK, BATCH, LEAST_UPDATES = 40, 3, 16, 10


def features(data: Utterances) -> list[np.ndarray]:
    """Return a row for every 30 ms of a recording or 3 points of ink, each feature with mean 0 and deviation 1."""
    found = []
    for content in data.contents:
        if isinstance(content, list):
            points = np.concatenate(content)
            lifts = np.concatenate([np.eye(1, len(stroke))[0] for stroke in content])
            steps = np.diff(points, axis=0, prepend=points[:1]) / max(np.ptp(points[:, 1]), 1e-6)
            rows = np.c_[steps, lifts]
        else:
            assert data.rate is not None
            rows = log_mel(content, data.rate, BANDS)
            rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-3)
        rows = np.pad(rows, ((0, -len(rows) % STACK), (0, 0)))
        found.append(rows.reshape(len(rows) // STACK, -1).astype(np.float32))
    return found


def torch_ctc(train: Utterances, test: Utterances, seconds: float) -> list[str]:
    """Return the texts of `test` after `seconds` of processor time."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

    torch.manual_seed(0)
    started = time.process_time()
    symbols = sorted({symbol for text in train.texts or () for symbol in text})
    number = {symbol: i + 1 for i, symbol in enumerate(symbols)}
    X = [torch.tensor(rows) for rows in features(train)]
    Y = [torch.tensor([number[symbol] for symbol in text]) for text in train.texts or ()]
    lstm = nn.LSTM(X[0].shape[1], 128, num_layers=3, bidirectional=True, dropout=0.2)
    head = nn.Linear(256, len(symbols) + 1)
    network = nn.ModuleList([lstm, head])
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def scores(rows: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        h, lengths = pad_packed_sequence(lstm(pack_sequence(rows, enforce_sorted=False))[0])
        return head(h).log_softmax(-1), lengths

    updates = 0
    while updates < LEAST_UPDATES or time.process_time() - started < seconds:
        rows = torch.randint(len(X), (BATCH,)).tolist()
        found, lengths = scores([X[i] for i in rows])
        sizes = torch.tensor([len(Y[i]) for i in rows])
        target = torch.cat([Y[i] for i in rows])
        loss = nn.functional.ctc_loss(found, target, lengths, sizes, zero_infinity=True)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        updates += 1
    network.eval()
    texts = []
    with torch.no_grad():
        for rows in features(test):
            best = scores([torch.tensor(rows)])[0][:, 0].argmax(-1).tolist()
            texts.append("".join(symbols[k - 1] for k, _ in groupby(best) if k))
    return texts
