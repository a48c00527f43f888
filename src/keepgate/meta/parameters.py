"""What a user can say of learning to learn: the parameters of `MetaLearner`."""

from __future__ import annotations

from typing import ClassVar

from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    LAYERS,
    SIZE,
    STEPS,
    STRENGTH,
    Parameters,
    estimator,
    param,
)


@estimator
class MetaLearnerParameters(Parameters):
    """Parameters of `MetaLearner`."""

    TASK: ClassVar[str] = "meta"
    examples: ClassVar[str] = "  python examples/learning_to_learn.py --family quadratic"

    shown: int = param(32, "examples of each function in training", **STEPS)
    functions: int = param(12_800, "functions drawn for an epoch, new ones in each", **EXAMPLES)
    hidden_size: int = param(64, "units of each layer", **SIZE)
    epochs: int | None = param(60, "times that so many functions are drawn", **EPOCHS)
    batch_size: int = param(64, "functions in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(1e-2, "highest step size of the optimizer", **STRENGTH)
    weight_decay: float = param(0.0, "weight decay of the optimizer", **STRENGTH)
    average: float | None = param(
        0.99,
        "decay of an average of the weights over the steps that takes the place of the last weights (none: no average)",
        minimum=0.5,
        maximum=0.99999,
    )


@estimator
class UpdateRuleParameters(Parameters):
    """Parameters of `UpdateRule`."""

    TASK: ClassVar[str] = "update_rule"
    examples: ClassVar[str] = "  python examples/learned_optimizer.py digits"

    steps: int = param(100, "steps of an optimisation", **STEPS)
    window: int = param(20, "steps of truncated back-propagation", **STEPS)
    problems: int = param(640, "problems drawn for an epoch, new ones in each", **EXAMPLES)
    hidden_size: int = param(20, "units of each layer", **SIZE)
    num_layers: int = param(2, "recurrent layers, one above the other", **LAYERS)
    epochs: int | None = param(20, "times that so many problems are drawn", **EPOCHS)
    batch_size: int = param(32, "problems in one step of the training", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the training", **STRENGTH)
    weight_decay: float = param(0.0, "weight decay of the training", **STRENGTH)
