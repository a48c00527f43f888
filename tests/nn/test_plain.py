from __future__ import annotations

import pytest
import torch

from keepgate.nn import GRU, LSTM, Recurrent, recurrent
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

X = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def ways(monkeypatch):
    """Whether each call without a gradient went the short way."""
    seen = []
    run = recurrent.run_plain_call

    def looking(*given):
        seen.append((found := run(*given)) is not None)
        return found

    monkeypatch.setattr(recurrent, "run_plain_call", looking)
    return seen


def both(layer, ways, *given):
    """The results with gradients, and then without: bit by bit the same."""
    layer(*given)
    output, final = layer(*given)
    with torch.no_grad():
        plain, last = layer(*given)
    assert plain.grad_fn is None
    assert torch.equal(plain, output.detach())
    for a, b in zip(*((s if isinstance(s, tuple) else (s,)) for s in (last, final)), strict=True):
        assert torch.equal(a, b.detach())
    return ways[-1]


@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}, {"proj_size": 2}],
    ids=str,
)
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "hx"])
def test_the_short_way_has_the_bits_of_the_long_one(options, given, ways):
    torch.manual_seed(0)
    layer = LSTM(4, 6, **options)
    hx = tuple(torch.randn(len(layer.suffixes), X.shape[1], width) for width in layer.widths.values())
    assert both(layer, ways, *([X, hx] if given else [X]))


def test_with_the_batch_first_it_is_short_where_time_is_first_in_memory(ways):
    layer = LSTM(4, 6, batch_first=True)
    assert both(layer, ways, X.transpose(0, 1))
    assert not both(layer, ways, X)


@pytest.mark.parametrize("make", [lambda: GRU(4, 6), lambda: Recurrent("layer_norm(peephole_lstm)", 4, 6)])
def test_other_cells(make, ways):
    assert both(make(), ways, X)


def test_an_empty_sequence_and_an_empty_batch(ways):
    both(LSTM(4, 6), ways, X[:0])
    both(LSTM(4, 6), ways, X[:, :0])


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda: LSTM(4, 6), (X[:, 0],)),  # unbatched
        (lambda: LSTM(4, 6, initial_state="learned"), (X,)),
        (lambda: LSTM(4, 6, state_batch_first=True), (X, (torch.ones(3, 1, 6), torch.ones(3, 1, 6)))),
        (lambda: LSTM(4, 6, dropout=0.0, backend="reference"), (X,)),
    ],
)
def test_what_is_not_plain_goes_the_long_way(make, given, ways):
    assert not both(make(), ways, *given)


def test_random_bits_go_the_long_way(ways):
    layer = LSTM(4, 6, weight_drop=0.5).train()
    layer(X)
    with torch.no_grad():
        layer(X)
    assert not ways[-1]


@pytest.mark.parametrize(
    "given",
    [(X[..., :3],), (X.double(),), (X, torch.ones(1, 3, 6)), (X, (torch.ones(1, 3, 6), torch.ones(1, 3, 5))), (None,)],
)
def test_faults_have_the_sentences_of_the_long_way(given, ways):
    layer = LSTM(4, 6)
    layer(X)
    with pytest.raises(Exception, match=r".") as long:
        layer(*given)
    with torch.no_grad(), pytest.raises(type(long.value)) as short:
        layer(*given)
    assert str(short.value) == str(long.value)
