"""ROCKET (Dempster, Petitjean & Webb 2020) as aeon has it, in an environment of its own, which has no keepgate.

    python classify_rocket.py DATA.npz ANSWERS.npy

DATA has `train` and `test` [N, C, T] and `labels` of the former; ANSWERS become the labels of the latter.
"""

import sys

import numpy as np
from aeon.classification.convolution_based import RocketClassifier

if __name__ == "__main__":
    data, answers = sys.argv[1:]
    given = np.load(data)
    model = RocketClassifier(random_state=0, n_jobs=1).fit(given["train"], given["labels"])
    np.save(answers, model.predict(given["test"]))
