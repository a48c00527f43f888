"""How a fitted forecaster goes on learning from new rows: from its weights of now, in a few passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.data.tables.panel import Panel
from keepgate.errors import InputError
from keepgate.tasks.common.ensembles import assemble, folder, member, members_of, tensors
from keepgate.tasks.common.parameters import EPOCHS
from keepgate.tasks.common.running import device_named, limited_threads
from keepgate.tasks.forecast.examples import Prepared, Windows
from keepgate.tasks.forecast.linear import solve
from keepgate.tasks.forecast.network import ForecastNetwork
from keepgate.tasks.forecast.parts import early_leads
from keepgate.tasks.forecast.reads import deviations
from keepgate.training import train

__all__ = ["go_on"]

SLOWER = 5  # times the step size of a fit


def go_on(model: Any, data: Panel, epochs: int, run: str | Path | None) -> list[dict[str, Any]]:
    """Train a fitted forecaster on, and return the rows of its history.

    The linear part is solved again, by the terms that were best in `fit`.

    Args:
        model: the forecaster, which is changed.
        data: the series up to now.
        epochs: passes over them.
        run: folder of the training, or None.

    Raises:
        InputError: there is no row later than those learned from, or the model does not say what to solve for.
    """
    schema.whole(int(EPOCHS["minimum"]), int(EPOCHS["maximum"]))("epochs", epochs)
    reads = model.reads_
    if reads.until is None or not reads.terms:
        raise InputError("this model was saved by an earlier version, and cannot be updated: fit it again")
    latest = int(data.times.astype(np.int64).max())
    if latest <= reads.until:
        raise InputError(f"{data.source}: no row is later than those that the model has learned: nothing is new")
    own = deviations(data, reads)
    scales = {**reads.scales, **dict(zip(data.keys, own.tolist(), strict=True))} if reads.known else {}
    model.reads_ = replace(reads, until=latest, scales=scales)
    lead = early_leads(data, reads)
    examples = Windows(Prepared(data, model.reads_), lead, own[:, 0], int(model.batch_size))
    rate = model.learning_rate / SLOWER
    settings = replace(model.settings(), epochs=epochs, patience=None, learning_rate=rate)
    trained, rows = [], []
    for k in range(count := members_of(model)):
        network = member(model, k).network_.cpu()
        network.keep_solved()  # a model that was loaded does not know it
        with limited_threads(model.threads):
            solve(network, examples, reads.terms).put_maps(network)
            network.to(device_named(model.device))
            of_member = None if run is None else folder(run, k)
            history = train(network, ForecastNetwork.loss, examples, None, settings, of_member, model.progress)
        trained.append(tensors(network))
        rows += [{"member": k + 1, **row} for row in history.rows] if count > 1 else history.rows
    assemble(model.network_.to(device_named(model.device)), trained)
    return rows
