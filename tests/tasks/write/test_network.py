"""The language model's network: its softmax and its dropout."""

import numpy as np
import torch

from keepgate import LanguageModel
from keepgate.nn.blocks import AdaptiveSoftmax, SharedDropout
from keepgate.tasks.write.network import adaptive_softmax, cutoffs
from tasks.write.data import SMALL, TEXT


def test_adaptive_softmax_is_a_distribution_and_its_loss_is_that_of_its_probabilities():
    torch.manual_seed(0)
    counts = np.array([3, 50, 0, 20, 9, 1, 17])
    assert cutoffs(np.sort(counts)[::-1]) == [3, 4]  # 50 + 20 + 17 of 100 are at least 0.75, with 9 more 0.95
    adaptive = AdaptiveSoftmax(adaptive_softmax(6, counts))
    outputs, following = torch.randn(4, 6), torch.tensor([0, 2, 5, 1])
    log_probs = adaptive.log_probs(outputs)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(4))
    loss = adaptive.loss(outputs, following)
    torch.testing.assert_close(loss, -log_probs[torch.arange(4), following].mean())
    assert [int(place) for place in adaptive.rank] == [4, 0, 6, 1, 3, 5, 2]


def test_one_mask_drops_embeddings_and_outputs_of_a_whole_window():
    model = LanguageModel(**{**SMALL, "epochs": 1}, weight_drop=0.0, dropout=0.5, embedding_dropout=0.5).fit(TEXT)
    network = model.network_.train()
    seen = []
    network.recurrent.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    torch.manual_seed(0)
    outputs, _ = network(torch.randint(0, 10, (8, 3)))
    between = []
    stack = SharedDropout("lstm", 4, 6, num_layers=2, dropout=0.5).train()
    stack._between = lambda x: between.append(SharedDropout._between(stack, x)) or between[-1]
    stack(torch.randn(8, 3, 4))
    for values in (*seen, *between, outputs):
        dropped = (values == 0).all(0)
        assert torch.equal(dropped, (values == 0).any(0))
        assert 0 < dropped.float().mean() < 1
    plain = network.eval()(torch.zeros(8, 3, dtype=torch.long))[0]
    assert (plain != 0).all()
