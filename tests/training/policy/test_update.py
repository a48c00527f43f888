"""Updates: the ratio before the first one, what is masked, what a gradient reaches."""

import numpy as np
import pytest
import torch

from control_rooms import MODES, Bit, Forever, rows_of
from keepgate.training.policy.advantages import advantages
from keepgate.training.policy.distribution import log_prob
from keepgate.training.policy.rollout import Collector
from keepgate.training.policy.update import METHODS, Steps, Weights, update
from training.policy.policies import collected, policy

WEIGHTS = Weights(0.2, 0.5, 0.01)


def steps_of(mode=MODES[0], windows=2, **options):
    rows = rows_of(Bit, 6, mode)
    network, inputs = policy(rows, **options)
    window = collected(rows, network, inputs, 20, windows=windows)
    return network, inputs.actions, window, Steps(network, inputs.actions, window, advantages(window, 0.9, 0.9))


def all_rows(steps):
    return steps.batch(np.arange(6))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("windows", [1, 2, 3])
@pytest.mark.parametrize(("cell", "layers", "shared"), [("lstm", 1, False), ("gru", 2, False), ("lstm", 1, True)])
def test_the_pass_over_a_window_has_the_bits_of_the_collector(mode, windows, cell, layers, shared):
    network, _, window, steps = steps_of(mode, windows, cell=cell, layers=layers, shared=shared)
    assert 0 < window.first.sum() < window.first.numel()
    batch = all_rows(steps)
    assert len(batch.where) == window.valid.sum() == len(set(batch.where.tolist()))
    with torch.no_grad():
        found, late = batch.outputs(network), batch._replace(first=torch.roll(batch.first, 1, 0)).outputs(network)
        assert len(found) == (1 if shared else 2)
        for one, collected, other in zip(found, window.outputs, late, strict=True):
            assert torch.equal(one, collected.flatten(0, 1)[batch.where])
            assert not torch.equal(one, other)


@pytest.mark.parametrize("mode", MODES)
def test_before_the_first_update_the_ratio_is_1_to_the_bit(mode):
    network, actions, window, steps = steps_of(mode)
    batch = all_rows(steps)
    ratio = (log_prob(actions, network.outputs(batch.outputs(network)), batch.numbers) - batch.before).exp()
    assert (ratio == 1).all()
    assert len(ratio) == window.valid.sum()


def test_advantages_have_mean_0_and_deviation_1_over_steps_of_episodes():
    batch = all_rows(steps_of()[-1])
    assert float(batch.advantage.mean()) == pytest.approx(0, abs=1e-6)
    assert float(batch.advantage.std(correction=0)) == pytest.approx(1, abs=1e-5)


def gradient(network, actions, batch, method="ppo"):
    network.zero_grad()
    loss, _ = batch.loss(network, actions, METHODS[method], WEIGHTS)
    loss.backward()
    return [p.grad.clone() for p in network.parameters()]


@pytest.mark.parametrize("method", METHODS)
def test_what_rows_without_a_step_hold_changes_no_bit_of_the_gradient(method):
    network, actions, window, steps = steps_of(MODES[0])
    dead = ~window.valid
    assert dead.any()
    found = gradient(network, actions, all_rows(steps), method)
    advantage = advantages(window, 0.9, 0.9)
    advantage[dead] = 1e3
    window.numbers[torch.from_numpy(dead)], window.value[dead], window.x[torch.from_numpy(dead)] = 1.0, -1e3, 5.0
    other = all_rows(Steps(network, actions, window, advantage))
    for one, two in zip(found, gradient(network, actions, other, method), strict=True):
        assert torch.equal(one, two)


def test_steps_past_the_end_of_a_sequence_change_no_bit_of_the_gradient():
    network, actions, _, steps = steps_of(MODES[1])
    batch = all_rows(steps)
    assert batch.lengths is not None
    beyond = torch.arange(len(batch.x))[:, None] >= batch.lengths
    assert beyond.any()
    padded = batch._replace(x=torch.where(beyond[..., None], 7.0, batch.x))
    for one, two in zip(gradient(network, actions, batch), gradient(network, actions, padded), strict=True):
        assert torch.equal(one, two)


def test_no_gradient_crosses_from_one_episode_to_another():
    network, _, window, steps = steps_of(MODES[1])
    batch = all_rows(steps)
    x = batch.x.clone().requires_grad_()
    acting, judging = batch._replace(x=x).outputs(network)
    episode = np.cumsum(window.first.numpy(), 0) * 6 + np.arange(6)  # a number of its own for each
    own = torch.from_numpy(episode.ravel())[batch.where]
    chosen = own == own[len(own) // 2]
    assert 0 < chosen.sum() < len(chosen)
    (acting[chosen].square().sum() + judging[chosen].square().sum()).backward()
    assert x.grad is not None
    seen = x.grad.flatten(0, 1)[batch.index]
    assert seen[chosen].abs().sum() > 0
    assert not seen[~chosen].any()


def test_a_minibatch_has_whole_rows_in_their_states():
    network, actions, window, steps = steps_of()
    parts = [steps.batch(np.array(rows)) for rows in ([4, 1, 0], [2, 3, 5])]
    assert sorted(torch.cat([part.where for part in parts]).tolist()) == sorted(all_rows(steps).where.tolist())
    with torch.no_grad():
        for part in parts:
            for one, collected in zip(part.outputs(network), window.outputs, strict=True):
                assert torch.equal(one, collected.flatten(0, 1)[part.where])
    whole, _ = all_rows(steps).loss(network, actions, METHODS["ppo"], WEIGHTS)
    losses = [part.loss(network, actions, METHODS["ppo"], WEIGHTS)[0].detach() for part in parts]
    mean = sum(float(loss) * len(part.where) for loss, part in zip(losses, parts, strict=True))
    assert float(whole.detach()) == pytest.approx(mean / sum(len(part.where) for part in parts), rel=1e-4)


def test_the_gradient_of_reinforce_is_that_of_its_theorem():
    """d/dw of minus the mean of log p times advantage, by difference quotients in one weight."""
    network, actions, _, steps = steps_of()
    batch, only, method = all_rows(steps), Weights(0.2, 0.0, 0.0), METHODS["reinforce"]
    network.zero_grad()
    batch.loss(network, actions, method, only)[0].backward()
    weight = network.get_parameter("policy.weight")
    values = []
    for move in (1e-2, -1e-2):
        with torch.no_grad():
            weight[0, 0] += move
            values.append(float(batch.loss(network, actions, method, only)[0]))
            weight[0, 0] -= move
    assert float(weight.grad[0, 0]) == pytest.approx((values[0] - values[1]) / 2e-2, rel=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_a_better_action_becomes_likelier(method):
    network, actions, window, _ = steps_of()
    right = np.where(window.numbers[..., 0].numpy() == 1, 1.0, -1.0)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    random = np.random.default_rng(0)
    valid = torch.from_numpy(window.valid)
    before = network.outputs([window.outputs[0][valid]]).softmax(-1)[:, 1].mean()
    for _ in range(5):
        told = update(network, actions, optimizer, window, right, METHODS[method], WEIGHTS, 3, 3, 0.5, random)
    batch = all_rows(Steps(network, actions, window, right))
    after = network.outputs(batch.outputs(network)).softmax(-1)[:, 1].mean()
    assert float(after.detach()) > float(before.detach()) + 0.05
    assert told["entropy"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("terminates", [False, True])
def test_values_tell_a_cut_from_an_end(terminates):
    """Reward 1 for ever is worth 1 / (1 - 0.9) = 10 where episodes are cut off; where they end, what is left."""
    rows = rows_of(lambda: Forever(terminates), 8)
    network, inputs = policy(rows)
    network.scale_inputs(np.array([5.0 if terminates else 0.0]), np.array([3.0 if terminates else 1.0]))
    collector = Collector(rows, network, inputs, np.random.default_rng(0))
    collector.begin(np.arange(8))
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for k in range(200):
        window = collector.collect(20)
        advantage = advantages(window, 0.9, 0.9)
        network.scale_values(advantage + window.value, k)
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - k / 200)
        weights = Weights(0.2, 1.0, 0.0)
        update(
            network, inputs.actions, optimizer, window, advantage, METHODS["ppo"], weights, 10, 8, 1.0, collector.random
        )
    window = collector.collect(20)
    if not terminates:
        np.testing.assert_allclose(window.value, 10.0, rtol=0.01)
        return
    left = 10 - window.raw[..., 0]  # steps that are to come
    np.testing.assert_allclose(window.value, (1 - 0.9**left) / (1 - 0.9), rtol=0.03)
