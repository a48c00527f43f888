import numpy as np

from keepgate.training.policy.moments import Moments


def test_moments_are_those_of_all_rows_together():
    random = np.random.default_rng(0)
    parts = [random.normal(3, 2, (count, 3)) for count in (1, 40, 0, 7)]
    moments = Moments(np.array([True, True, False]))
    for part in parts:
        moments.add(part)
    rows = np.concatenate(parts)
    np.testing.assert_allclose(moments.mean, rows.mean(0))
    np.testing.assert_allclose(moments.variance, rows.var(0))
    mean, scale = moments.scales()
    np.testing.assert_allclose(mean, [*rows.mean(0)[:2], 0.0])
    np.testing.assert_allclose(scale, [*rows.std(0)[:2], 1.0])


def test_what_does_not_vary_keeps_its_scale():
    moments = Moments(np.array([True]))
    moments.add(np.full((5, 1), 3.0))
    assert [float(one[0]) for one in moments.scales()] == [3.0, 1.0]
