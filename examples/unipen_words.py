"""Handwritten words of unseen writers: UNIPEN pen strokes, read without a dictionary and with word lists.

    python examples/unipen_words.py FOLDER --run RUN

FOLDER holds words_train, words_valid and words_test as .jsonl.gz: a line for each word, with `strokes` and `text`. RUN
keeps the training: the same command goes on where it was stopped, and a finished one is only tested.

The word lists are that of the training words alone, which lacks some words of the test, and that of all words of the
three parts, which lacks none: what a large dictionary would reach that knows every name.
"""

import argparse
from pathlib import Path

from keepgate import Transcriber
from keepgate.tasks import face, face_class
from keepgate.tasks.transcribe.decoding import Decoding

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path, metavar="FOLDER")
parser.add_argument("--run", type=Path, metavar="RUN", help="folder of the training (default: none is kept)")
parser.add_argument("--epochs", type=int, default=24, metavar="N", help="passes over the words (default: 24)")
parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (default: 0)")
options = parser.parse_args()

columns = Transcriber.Columns(skip_bad=True)
train, valid, test = (
    face_class("transcribe").read(options.folder / f"words_{part}.jsonl.gz", columns)
    for part in ("train", "valid", "test")
)
print(f"{len(train)} words to train on, {len(valid)} held out, {len(test)} to test on; no writer is in two parts")
model = Transcriber(
    stack=4, augment=1.0, dropout=0.3, batch_size=32, learning_rate=3e-3, epochs=options.epochs, seed=options.seed
)
model.fit(train, valid=valid, run=options.run)
print(f"{len(model.skipped_)} rows left out: their texts have more letters than the pen's path has room for")
seconds = 0.0
for row in model.history_:
    seconds += row["seconds"]
    print(f"epoch {row['epoch']:2}, {seconds / 60:5.1f} minutes: held-out loss {row['valid_loss']:.3f} a character")

everything = [*train.texts, *valid.texts, *test.texts]
unseen = 1 - sum(word in set(train.texts) for word in test.texts) / len(test)
print(f"{unseen:.1%} of the test's words are not among the training's")
READINGS = {
    "no dictionary": (Decoding(), None),
    "letters of the training words (n-grams)": (Decoding(), train.texts),
    "list of the training words": (Decoding(language="words"), train.texts),
    "list of the training words, or new ones": (Decoding(language="words", new_words=True), train.texts),
    "list of all words of the three parts": (Decoding(language="words", weight=0.0), everything),
}
print(f"{'':<42}character error rate  word error rate")
for name, (decoding, texts) in READINGS.items():
    scores = face(model.decode_with(decoding, texts)).evaluate(test)[0]
    print(f"{name:<42}{scores['character error rate']:20.2%}{scores['word error rate']:17.2%}")
