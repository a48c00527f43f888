"""The forecaster's network and its loss, against torch and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_squared_error
from torch.nn import functional as F

from keepgate import cells
from keepgate.networks import Recurrent
from keepgate.tasks.forecast.network import ForecastNetwork, Sizes, forecaster


def network(quantiles=(0.2, 0.9), dropout=0.0, bidirectional=False, **changes) -> ForecastNetwork:
    torch.manual_seed(0)
    layers = Recurrent(cells.get("lstm").equations, 5, 5, bidirectional=bidirectional)
    sizes = Sizes(**{"window": 7, "patch": 3, "channels": 2, "horizon": 4, "quantiles": len(quantiles), **changes})
    return ForecastNetwork(forecaster(layers, sizes, dropout), quantiles=quantiles)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_network_against_torch_lstm(bidirectional: bool) -> None:
    """The same by hand: 7 rows are a first row for the linear map only and two patches of three."""
    ours = network(bidirectional=bidirectional).double()
    lstm = torch.nn.LSTM(5, 5, batch_first=True, bidirectional=bidirectional).double()
    lstm.load_state_dict(ours.recurrent.state_dict())
    z = torch.randn(6, 7, 2, dtype=torch.float64)
    patches = torch.stack([z[:, 1:4].flatten(1), z[:, 4:7].flatten(1)], dim=1)
    _, (h, _) = lstm(ours.embed(patches))
    straight = z[:, :, 0] @ ours.linear.weight.T + ours.linear.bias
    expected = ours.head(torch.cat(list(h), dim=1)).reshape(6, 4, 3) + straight[:, :, None]
    torch.testing.assert_close(ours({"normalized": z}), expected, rtol=1e-12, atol=1e-12)


def test_what_is_known_ahead_by_hand() -> None:
    ours = network(known=2, ahead=3, attributes=(4,), calibrated=True).double()
    lstm = torch.nn.LSTM(5, 5, batch_first=True).double()
    lstm.load_state_dict(ours.recurrent.state_dict())
    z, before, ahead = (torch.randn(6, n, c, dtype=torch.float64) for n, c in ((7, 2), (7, 2), (4, 3)))
    ours.plan.fit([before.flatten(0, 1).numpy()])
    ours.known.fit([ahead.flatten(0, 1).numpy()])
    value = torch.randint(0, 4, (6, 1))
    plan, known = ours.plan(before, torch.float64), ours.known(ahead, torch.float64)
    rows = torch.cat([z, plan], 2)
    patches = torch.stack([rows[:, 1:4].flatten(1), rows[:, 4:7].flatten(1)], dim=1)
    kind = ours.value0.weight[value[:, 0]] @ ours.kind0.weight.T
    _, (h, _) = lstm(ours.embed(patches) + kind[:, None])
    straight = torch.cat([z[:, :, 0], plan[:, :, 0], plan[:, :, 1]], 1) @ ours.linear.weight.T + ours.linear.bias
    expected = ours.head(h[0]).reshape(6, 4, 3) + straight[:, :, None] + known @ ours.effect.weight.T
    both = torch.cat([ours.context(h[0]).reshape(6, 4, 16), known], 2)
    expected = expected + ours.step_head(torch.tanh(ours.decoder(both)))
    given = {"normalized": z, "before": before, "ahead": ahead, "attribute0": value}
    torch.testing.assert_close(ours(given), expected, rtol=1e-12, atol=1e-12)


def test_a_network_begins_as_its_linear_part() -> None:
    ours = network(ahead=3, calibrated=True)
    ours.begin()
    z, ahead = torch.randn(6, 7, 2), torch.randn(6, 4, 3)
    straight = z[:, :, 0] @ ours.linear.weight.T + ours.linear.bias
    expected = (straight[:, :, None] + ahead @ ours.effect.weight.T).expand(6, 4, 3)
    found = ours.run({"normalized": z, "ahead": ahead.double()}, "calibrated")
    torch.testing.assert_close(found, expected)
    learned = {name.split(".")[0] for name, p in ours.named_parameters() if p.requires_grad}
    assert learned.isdisjoint(("linear", "effect", "calibrated"))


def test_loss_against_scikit_learn() -> None:
    ours = network().eval()
    z, weight, target = torch.randn(6, 7, 2), torch.rand(6, 1), torch.randn(6, 4)
    given = {"normalized": z}
    with torch.no_grad():
        loss = ours.loss((given, weight, target)).item()
        scaled = (ours(given) * weight[:, :, None]).double().numpy()
    truth = target.numpy().ravel()
    expected = mean_squared_error(truth, scaled[:, :, 0].ravel())
    expected += np.mean([mean_pinball_loss(truth, scaled[:, :, k].ravel(), alpha=q) for k, q in ((1, 0.2), (2, 0.9))])
    assert loss == pytest.approx(expected, rel=1e-5)
    bare = network(quantiles=()).eval()
    point = bare(given)[:, :, 0] * weight
    assert bare.loss((given, weight, target)).item() == pytest.approx(F.mse_loss(point, target).item())


def test_missing_values_do_not_count_in_the_loss() -> None:
    ours = network().eval()
    z, weight, target = torch.randn(6, 7, 2), torch.rand(6, 1), torch.randn(6, 4)
    target[2:] = torch.nan
    few = ours.loss(({"normalized": z[:2]}, weight[:2], target[:2]))
    all_ = ours.loss(({"normalized": z}, weight, target))
    torch.testing.assert_close(all_, few)
    all_.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in ours.parameters())


def test_dropout_is_for_training_only() -> None:
    ours, given = network(dropout=0.5), {"normalized": torch.randn(3, 7, 2)}
    assert not torch.equal(ours.train()(given), ours(given))
    assert torch.equal(ours.eval()(given), ours(given))
