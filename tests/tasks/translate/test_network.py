"""The translator's network against torch's LSTMs and attention by hand."""

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate.networks import FLOAT, INT64, Attention, Dropout, Input, Network, Recurrent, Step, Value
from keepgate.nn.blocks import dropout_along
from keepgate.nn.network import NetworkModule
from keepgate.tasks.translate.examples import PairExamples
from keepgate.tasks.translate.network import TranslatorNetwork, translator

PAIRS = [([3, 1, 4], [1, 5, 9, 2]), ([6], [5]), ([3, 5, 8, 9, 7], [])]


EXAMPLES = PairExamples([tuple(np.array(side, dtype=np.int64) for side in pair) for pair in PAIRS], (11, 10))


def network(smoothing=0.0, shared=False, dropout=0.0, layers=3):
    torch.manual_seed(0)
    lstm = cells.get("lstm").equations
    encoder, decoder = [Recurrent(lstm, 5, 4, bidirectional=True)], [Recurrent(lstm, 5, 8)]
    for _ in range(layers - 1):
        encoder.append(Recurrent(lstm, 8, 8))
        decoder.append(Recurrent(lstm, 16, 8))
    description = translator(encoder, decoder, (12, 12), shared=shared, dropout=dropout)
    made = TranslatorNetwork(description, "auto", smoothing=smoothing).eval()
    torch.nn.init.normal_(made.bias)
    return made


def test_attention_by_hand():
    given = [Input(name, Value(FLOAT, ("batch", axis, 2))) for name, axis in (("query", "time"), ("memory", "places"))]
    steps = (Step("attend", Attention(2), ("query", "memory", "lengths")),)
    attention = NetworkModule(Network((*given, Input("lengths", Value(INT64, ("batch",)))), steps, ("attend",)))
    with torch.no_grad():
        attention.get_parameter("attend.query.weight").copy_(torch.tensor([[1.0, 0.0], [1.0, 2.0]]))
    memory = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    values = {"query": torch.tensor([[[0.5, 1.0]]]), "memory": memory, "lengths": torch.tensor([2])}
    found, weights = attention.run(values, "attend", "attend.weights")
    e = np.exp([0.5, 0.5 + 2.0])  # W q = (0.5, 2.5), times (1, 0) and (0, 1); the third place is outside
    np.testing.assert_allclose(weights.detach()[0, 0].numpy(), [*(e / e.sum()), 0.0], rtol=1e-6)
    np.testing.assert_allclose(found.detach()[0, 0].numpy(), e / e.sum(), rtol=1e-6)


def by_torch(made, source, target):
    """Logits of one pair, from torch's LSTMs and the formulas, a step at a time from the second decoder layer on."""

    def lstm(layer, x, state=None):
        same = torch.nn.LSTM(layer.input_size, layer.hidden_size, bidirectional=layer.bidirectional)
        return torch.func.functional_call(same, dict(layer.named_parameters()), (x, state))

    def attended(attention, query):
        weights = torch.stack([m @ attention.query.weight @ query for m in memory]).softmax(0)
        return sum(w * m for w, m in zip(weights, memory, strict=True))

    x, _ = lstm(made.encoder[0], made.source(torch.tensor([*source, 11])) * 5**0.5)
    for layer in made.encoder[1:]:
        x = x + lstm(layer, x)[0]
    memory = list(x)
    first = torch.tanh(made.begin(torch.stack(memory).mean(0)))[None]
    states = [(first, torch.zeros_like(first)), *[(torch.zeros(1, 8), torch.zeros(1, 8))] * (len(made.decoder) - 1)]
    logits = []
    for symbol in [10, *target]:
        x, states[0] = lstm(made.decoder[0], made.target(torch.tensor([symbol])) * 5**0.5, states[0])
        context = attended(made.attend[0], x[0])
        for k, layer in enumerate(made.decoder[1:], start=1):
            above, states[k] = lstm(layer, torch.cat([x[0], context])[None], states[k])
            x = x + above
        if len(made.decoder) > 1:
            context = attended(made.attend[1], x[0])
        told = torch.tanh(made.combine(torch.cat([x[0], context])))
        logits.append(made.target.weight @ told + made.bias)
    return torch.stack(logits)


@pytest.mark.parametrize("layers", [1, 3])
def test_loss_and_gradients_are_those_of_torchs_lstms(layers):
    """Each pair alone and without padding there, all together and padded here: so padding changes nothing."""
    made = network(smoothing=0.2, layers=layers)
    wanted = torch.cat([by_torch(made, *pair) for pair in PAIRS]).log_softmax(-1)
    targets = torch.tensor([symbol for _, target in PAIRS for symbol in [*target, 10]])
    right = -wanted[torch.arange(len(targets)), targets].mean()
    batch = EXAMPLES.batch([0, 1, 2])
    torch.testing.assert_close(made.loss(batch), right)
    smooth = 0.8 * right + 0.2 * -wanted.mean()
    parameters = dict(made.named_parameters())
    gradients = torch.autograd.grad(smooth, list(parameters.values()))
    made.train()
    loss = made.loss(batch)
    torch.testing.assert_close(loss, smooth)
    loss.backward()
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_a_step_at_a_time_is_the_whole_sentence_at_once():
    made = network()
    source, lengths, target, _ = EXAMPLES.batch([0, 2])
    with torch.no_grad():
        whole, weights, _ = made.decode(target, made.encode(source, lengths))
        at = made.encode(source, lengths)
        for t in range(target.shape[1]):
            told, row, at = made.decode(target[:, t : t + 1], at)
            torch.testing.assert_close(told[:, 0], whole[:, t])
            torch.testing.assert_close(row[:, 0], weights[:, t])
    assert (weights[0, :, int(lengths[0]) :] == 0).all()


def test_dropout_is_one_mask_a_sentence():
    made = network(dropout=0.5).description
    masks = {step.block for step in made.steps if isinstance(step.block, Dropout)}
    assert {(mask.rate, mask.axis) for mask in masks} == {(0.5, 1)}
    torch.manual_seed(1)
    x = dropout_along(torch.ones(2, 7, 400), 0.5, True, 1)
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert not torch.equal(x[0], x[1])
    assert set(x.unique().tolist()) == {0.0, 2.0}


def test_shared_vectors_are_one_parameter():
    made = network(shared=True)
    assert made.source is made.target
    assert sum(p.numel() for p in network().parameters()) - sum(p.numel() for p in made.parameters()) == 12 * 5
