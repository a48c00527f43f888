"""What is drawn has the model's probabilities."""

import numpy as np

from keepgate.tasks.write.sampling import draw


def test_what_is_drawn_has_the_models_probabilities():
    log_probs = np.log([0.5, 0.3, 0.15, 0.05])
    random = np.random.default_rng(0)

    def shares(temperature, top_p):
        drawn = [draw(log_probs, temperature, top_p, random) for _ in range(4000)]
        return np.bincount(drawn, minlength=4) / 4000

    np.testing.assert_allclose(shares(1.0, 1.0), [0.5, 0.3, 0.15, 0.05], atol=0.03)
    squares = np.array([0.25, 0.09, 0.0225, 0.0025])
    np.testing.assert_allclose(shares(0.5, 1.0), squares / squares.sum(), atol=0.03)
    np.testing.assert_allclose(shares(1.0, 0.79), [0.625, 0.375, 0, 0], atol=0.03)
    np.testing.assert_allclose(shares(1.0, 0.81), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], atol=0.03)
    assert shares(1.0, 1e-9).tolist() == [1, 0, 0, 0]
    assert shares(0, 1.0).tolist() == [1, 0, 0, 0]
