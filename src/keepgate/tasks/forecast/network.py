"""The network of `Forecaster`: patches of the past through recurrent layers to the whole horizon at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.network import NetworkModule
from keepgate.tasks.forecast import distributions

CONTEXT = 16  # numbers that the recurrent layers say of each step ahead
DECODER = 32  # units between them with what is known ahead, and the forecast of the step
QUANTILE = "quantile"  # the loss that is none of a distribution
ATTRIBUTE = 8  # numbers of the vector of an attribute's value


@dataclass(frozen=True)
class Sizes:
    """What the network reads and gives.

    Attributes:
        window: rows of the past.
        patch: rows of a patch.
        channels: the target and the covariates.
        horizon: steps to forecast.
        quantiles: how many numbers of a step there are besides the mean.
        known: columns known ahead, which are read in the window too.
        ahead: numbers known of each step ahead, the columns known ahead first.
        attributes: how many values each attribute has.
        calibrated: the quantiles are spread by fixed factors at the end.
        loss: what the numbers of a step are: quantiles, or parameters of a distribution.
    """

    window: int
    patch: int
    channels: int
    horizon: int
    quantiles: int
    known: int = 0
    ahead: int = 0
    attributes: tuple[int, ...] = ()
    calibrated: bool = False
    loss: str = QUANTILE


def forecaster(recurrent: blocks.Recurrent, sizes: Sizes, dropout: float) -> Network:
    """Return the network from windows [B, L, C] to forecasts [B, horizon, 1 + quantiles], the point forecast first.

    The window is normalized and cut into patches, each mapped to one step of the recurrence (as in PatchTST, Nie et al.
    2023, and SegRNN, Lin et al. 2023): few steps, each of which sees a stretch of the series' shape. All steps ahead
    are read from the last outputs at once. In parallel a linear map of the target's window (Zeng et al. 2023) carries
    what is linear, which leaves the recurrent layers the rest.

    What is known ahead is read step by step: by a linear map, and by a layer that sees it beside what the recurrent
    layers say of that step (as the temporal decoder of TiDE, Das et al. 2023). With columns known ahead the window is
    normalized by a given spread, that of the series, so that their effects have one size. Attributes of a series are
    embedded and added to every step of the recurrence.

    The oldest rows that fill no whole patch go into the linear map only.

    Args:
        recurrent: the recurrent layers, over the patches' vectors.
        sizes: of what is read and given.
        dropout: share of values that are dropped.
    """
    parts = (_past(sizes), _encoder(recurrent, sizes, dropout), _steps_ahead(recurrent, sizes), _ending(sizes))
    return Network(_inputs(sizes), tuple(step for part in parts for step in part), ("forecast",))


def _inputs(sizes: Sizes) -> tuple[Input, ...]:
    kinds = {
        "window": Value(FLOAT64, ("batch", sizes.window, sizes.channels)),
        "spread": sizes.known and Value(FLOAT64, ("batch", 1, sizes.channels)),
        "before": sizes.known and Value(FLOAT64, ("batch", sizes.window, sizes.known)),
        "ahead": sizes.ahead and Value(FLOAT64, ("batch", sizes.horizon, sizes.ahead)),
        **{f"attribute{k}": Value(INT64, ("batch", 1)) for k in range(len(sizes.attributes))},
    }
    return tuple(Input(name, kind) for name, kind in kinds.items() if isinstance(kind, Value))


def _past(sizes: Sizes) -> list[Step]:
    """Return the steps to `rows`, what the patches are cut from, and `past`, what the linear map reads."""
    if not sizes.known:
        return [Step("normalized", blocks.WindowNorm(), ("window",)), Step("target", blocks.Select(0), ("normalized",))]
    plans = [Step(f"plan{k}", blocks.Select(k), ("plan",)) for k in range(sizes.known)]
    return [
        Step("normalized", blocks.WindowNorm(), ("window", "spread")),
        Step("plan", blocks.Standardize(sizes.known), ("before",)),
        Step("rows", blocks.Concat(), ("normalized", "plan")),
        Step("target", blocks.Select(0), ("normalized",)),
        *plans,
        Step("past", blocks.Concat(), ("target", *(step.name for step in plans))),
    ]


def _encoder(recurrent: blocks.Recurrent, sizes: Sizes, dropout: float) -> list[Step]:
    width = sizes.channels + sizes.known
    embed = [
        Step("patches", blocks.Patches(sizes.patch), ("rows" if sizes.known else "normalized",)),
        Step("embed", blocks.Linear(sizes.patch * width, recurrent.input_size), ("patches",)),
    ]
    last = "embed"
    for k, count in enumerate(sizes.attributes):
        embed += [
            Step(f"value{k}", blocks.Embedding(count, ATTRIBUTE), (f"attribute{k}",)),
            Step(f"kind{k}", blocks.Linear(ATTRIBUTE, recurrent.input_size, bias=False), (f"value{k}",)),
            Step(f"embed{k}", blocks.Add(), (last, f"kind{k}")),
        ]
        last = f"embed{k}"
    return [
        *embed,
        Step("steps", blocks.Dropout(dropout), (last,)),
        Step("recurrent", recurrent, ("steps",)),
        Step("last", blocks.Last(recurrent.directions), (f"recurrent.{recurrent.equations.states[0]}",)),
        Step("kept", blocks.Dropout(dropout), ("last",)),
    ]


def _steps_ahead(recurrent: blocks.Recurrent, sizes: Sizes) -> list[Step]:
    """Return the steps to `scaled`, the forecast in units of the spread."""
    horizon, outputs = sizes.horizon, 1 + sizes.quantiles
    straight = [
        Step(
            "linear", blocks.Linear(sizes.window * (1 + sizes.known), horizon), ("past" if sizes.known else "target",)
        ),
        Step("straight", blocks.Reshape((horizon, 1)), ("linear",)),
        *_alone("straight", sizes),
    ]
    middle = straight[-1].name
    head = [
        Step("head", blocks.Linear(recurrent.output_size, horizon * outputs), ("kept",)),
        Step("ahead" if not sizes.ahead else "whole", blocks.Reshape((horizon, outputs)), ("head",)),
    ]
    if not sizes.ahead:
        return [*head, *straight, Step("scaled", blocks.Add(), ("ahead", middle))]
    width = CONTEXT + sizes.ahead
    known = [
        Step("known", blocks.Standardize(sizes.ahead), ("ahead",)),
        Step("effect", blocks.Linear(sizes.ahead, 1, bias=False), ("known",)),
        *_alone("effect", sizes),
    ]
    return [
        *head,
        *straight,
        Step("whole_straight", blocks.Add(), ("whole", middle)),
        *known,
        Step("with_effect", blocks.Add(), ("whole_straight", known[-1].name)),
        Step("context", blocks.Linear(recurrent.output_size, horizon * CONTEXT), ("kept",)),
        Step("contexts", blocks.Reshape((horizon, CONTEXT)), ("context",)),
        Step("both", blocks.Concat(), ("contexts", "known")),
        Step("decoder", blocks.Linear(width, DECODER), ("both",)),
        Step("decoded", blocks.Activation("tanh"), ("decoder",)),
        Step("step_head", blocks.Linear(DECODER, outputs), ("decoded",)),
        Step("scaled", blocks.Add(), ("with_effect", "step_head")),
    ]


def _alone(name: str, sizes: Sizes) -> list[Step]:
    """Return the step that lets a value for the mean be none for a distribution's other parameters."""
    if sizes.loss == QUANTILE:
        return []
    return [Step(f"{name}_of_mean", blocks.Linear(1, 1 + sizes.quantiles, bias=False), (name,))]


def _ending(sizes: Sizes) -> list[Step]:
    outputs, of_quantiles = 1 + sizes.quantiles, sizes.loss == QUANTILE
    calibrated = [Step("calibrated", blocks.Linear(outputs, outputs, bias=not of_quantiles), ("scaled",))]
    source = "calibrated" if sizes.calibrated else "scaled"
    last = blocks.Restore() if of_quantiles else blocks.Distribution(sizes.loss)
    restore = Step("forecast", last, (source, "normalized.mean", "normalized.spread"))
    return [*(calibrated if sizes.calibrated else []), restore]


class ForecastNetwork(NetworkModule):
    """`forecaster` with its loss.

    The linear maps are solved, not trained by steps (see `linear`), and so is the spread of the quantiles.
    """

    DRAWN = ("recurrent",)
    SOLVED = ("linear", "straight_of_mean", "effect", "effect_of_mean", "calibrated")
    quantiles: Tensor

    def __init__(
        self, description: Network, backend: str = "auto", *, quantiles: Sequence[float], loss: str = QUANTILE
    ) -> None:
        super().__init__(description, backend)
        self.loss_name = loss
        values = torch.from_numpy(np.array(quantiles, np.float32))  # no weights: numbers on the device "meta" too
        self.register_buffer("quantiles", values, persistent=False)

    def keep_solved(self) -> None:
        """Let training leave the solved maps as they are."""
        for name in self.SOLVED:
            if name in self.description.by_name:
                self.get_submodule(name).requires_grad_(False)

    def begin(self) -> None:
        """Let the recurrent part begin as nothing beside the solved linear maps."""
        self.keep_solved()
        with torch.no_grad():
            for name, value in self.named_parameters():
                step, _, kind = name.rpartition(".")
                if step in ("head", "step_head", "calibrated"):
                    value.zero_()
                if kind == "weight" and step in ("calibrated", "straight_of_mean", "effect_of_mean"):
                    value.copy_(torch.eye(*value.shape))

    def forward(self, given: Mapping[str, Tensor]) -> Tensor:
        """Return the normalized forecasts of normalized windows and what else is read."""
        return self.run(given, "scaled")

    def loss(self, batch: tuple[Any, ...]) -> Tensor:
        """Return the squared error of the point forecast plus the mean pinball loss of the quantiles.

        So the point becomes the mean of the future values, and the quantiles their quantiles (Koenker & Bassett 1978).
        Steps whose value is missing do not count.

        Of a distribution it is the negative log-likelihood; see `distributions`.

        Args:
            batch: of `Windows`.
        """
        given, weight, target, *level = batch
        if self.loss_name != QUANTILE:
            return distributions.loss(self.loss_name, self(given), weight, target, *level)
        seen = ~target.isnan()
        scaled = self(given) * weight[:, :, None]
        target = torch.where(seen, target, scaled[:, :, 0].detach())
        share = seen.numel() / seen.sum().clamp(min=1)
        loss = F.mse_loss(scaled[:, :, 0], target) * share
        if len(self.quantiles) == 0:
            return loss
        above = (target[:, :, None] - scaled[:, :, 1:]) * seen[:, :, None]
        return loss + torch.maximum(self.quantiles * above, (self.quantiles - 1) * above).mean() * share

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        learned = self.quantiles.tolist() if self.loss_name == QUANTILE else self.loss_name
        return f"{super().extra_repr()}\nquantiles={learned}"
