"""Callbacks, which are called while a model trains: `train(..., callbacks=[TensorBoard("runs/words/board")])`.

A callback is any function of an epoch's row, as `History` describes it, and the model. It is called after each epoch
of this process, once the epoch is safe in the run's folder; what it raises ends the training, which resumes there.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from keepgate.errors import MissingExtraError

__all__ = ["CSVLog", "Callback", "TensorBoard"]

Callback = Callable[[Mapping[str, Any], nn.Module], object]


class TensorBoard:
    """Write each epoch's numbers for TensorBoard, and on request a histogram of every parameter.

    Args:
        folder: of the event files, made if need be.
        histograms: whether to write the parameters' histograms.

    Raises:
        MissingExtraError: the package tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], histograms: bool = False):
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("keepgate.training.TensorBoard", error) from None
        self.histograms = histograms
        self.writer = SummaryWriter(os.fspath(folder))

    def __call__(self, row: Mapping[str, Any], model: nn.Module) -> None:
        """Write one epoch."""
        epoch = row["epoch"]
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self.writer.add_scalar(name, value, epoch)
        if self.histograms:
            for name, parameter in model.named_parameters():
                self.writer.add_histogram(name, parameter.detach().float().cpu(), epoch)
        self.writer.flush()


class CSVLog:
    """Append each epoch's numbers to a CSV file, which begins with a header.

    Args:
        path: of the file; rows of an earlier process stay.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def __call__(self, row: Mapping[str, Any], model: nn.Module) -> None:
        """Append one epoch."""
        begins = not self.path.exists() or not self.path.stat().st_size
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if begins:
                writer.writeheader()
            writer.writerow(row)
