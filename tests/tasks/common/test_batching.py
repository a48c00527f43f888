"""Inference in batches: like lengths together, results in the order of the examples."""

import numpy as np
import torch

from keepgate.tasks.common.batching import each_example
from keepgate.tasks.common.sequences import SequenceExamples


def test_results_are_in_the_order_of_the_examples_and_batches_are_of_like_lengths():
    lengths = [5, 1, 4, 1, 3, 2, 5]
    data = SequenceExamples([np.full((n, 1), float(n)) for n in lengths])
    batches = []

    def compute(batch):
        assert torch.is_inference_mode_enabled()
        batches.append(batch[1].tolist())
        return [(float(x[0, 0]), n) for x, n in zip(*batch[:2], strict=True)]

    results = each_example(torch.nn.Linear(1, 1), data, 3, compute)
    assert [(value, int(n)) for value, n in results] == [(float(n), n) for n in lengths]
    assert [sorted(batch) for batch in batches] == [[1, 1, 2], [3, 4, 5], [5]]
