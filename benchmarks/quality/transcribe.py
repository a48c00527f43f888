"""The transcription panel: keepgate's defaults beside a plain LSTM under CTC that gets as much processor time.

    python -m benchmarks.quality.transcribe                           # all sets
    python -m benchmarks.quality.transcribe --sets readers voice --without-peers
    python -m benchmarks.quality.transcribe --earlier --minutes 3     # the valid part in the test part's place

Scores are character error rates without a language model, the lower the better. What keepgate holds out by itself are
speakers or writers, where a set has several. Confidence is that of each word: the expected calibration error over 15
bins, and the chance that a right word has more confidence than a wrong one. Defaults are chosen on the valid parts; the
test parts give the rows of `transcribe.csv` and nothing else. A run replaces the rows of its sets.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import jiwer
import numpy as np
import pandas as pd

from benchmarks.quality.rows import keep, known, opened, summary, versions
from benchmarks.quality.transcribe_peers import torch_ctc
from benchmarks.quality.transcribe_sets import SETS, Set
from keepgate import Transcriber
from keepgate.data.recordings.manifest import Utterances
from keepgate.tasks.common.calibration import confidence_scores
from keepgate.tasks.transcribe.confidence import right_words

ROWS = Path(__file__).with_name("transcribe.csv")
METRIC = "character error rate"
ASKED = {"ECE": 0.05, "AUC right/wrong": 0.8}  # at most; at least
PEER = "torch LSTM, CTC"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--minutes", type=float, help="of each fit, with --earlier (default: as long as fits last)")
    parser.add_argument("--without-peers", action="store_true", help="keep the peers' rows as they are")
    parser.add_argument("--earlier", action="store_true", help="leave the test parts alone, and keep no rows")
    options = parser.parse_args()
    if options.minutes is not None and not options.earlier:
        parser.error("--minutes shortens the fits, whose rows would not be those of the defaults; add --earlier")
    for data in opened(SETS, options.sets):
        before = known(ROWS, data.name).get((METRIC, PEER)) if options.without_peers else None
        test = data.valid if options.earlier else data.test
        rows = measure(data, test, options.minutes, before, options.without_peers)
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer value", "seconds"]].to_string(index=False))
        if not options.earlier:
            keep(ROWS, rows)
    if ROWS.exists():
        print(summary(pd.read_csv(ROWS), ASKED).to_string(index=False))


def measure(data: Set, test: Utterances, minutes: float | None, before: float | None, alone: bool) -> list[dict]:
    """Return the rows of a set.

    Args:
        data: the set.
        test: what is transcribed.
        minutes: that a fit may take; None: as long as it lasts by itself.
        before: what the peer had when it was measured before.
        alone: do not measure it again.
    """
    started = time.process_time()
    model = Transcriber(minutes=minutes, progress=False).fit(data.train)
    seconds = time.process_time() - started
    found = model.transcribe(test)
    truth = test.texts or []
    own = jiwer.cer(truth, [one.text for one in found])
    peer = before if alone else jiwer.cer(truth, torch_ctc(data.train, test, seconds))
    sure = np.array([p for one in found for p in one.word_confidences])
    right = np.concatenate(
        [right_words(one.text.split(), text.split()) for one, text in zip(found, truth, strict=True)]
    )
    rows = [{"metric": METRIC, "keepgate": own, "peer name": PEER, "peer value": peer}]
    rows += [
        {"metric": metric, "keepgate": value, "peer name": "asked", "peer value": ASKED[metric]}
        for metric, value in (confidence_scores(sure, right) if len(sure) else {}).items()
    ]
    about = {"job": "transcribe", "set": data.name, "size": f"{len(data.train)} / {len(test)}"}
    used = versions("keepgate", "torch")
    return [{**about, **row, "seconds": round(seconds), "versions": used} for row in rows]


if __name__ == "__main__":
    main()
