"""The face of tasks on sequences of numbers: their files, read by the channels of the training file."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.ts import read_ts
from keepgate.errors import InputError, listed
from keepgate.tasks.common.face import LEFT_OUT, Face
from keepgate.tasks.common.sequence_parameters import SequenceColumns

__all__ = ["SequenceFace"]


class SequenceFace(Face):
    """Base of the faces of tasks on sequences of numbers."""

    @classmethod
    def read(cls, path: str | Path, columns: SequenceColumns | None = None, *, labelled: bool = True) -> Sequences:
        """Read a `.ts` file, or a long table; see `Face.read`."""
        if Path(path).suffix.lower() == ".ts":
            data = read_ts(path)
        else:
            data = read_long_table(path, **asdict(columns or SequenceColumns()), labelled=labelled)
        if labelled and data.labels is None:
            raise InputError(f"{path} has no class labels (@classLabel false)")
        return data

    def bind_columns(self, columns: SequenceColumns) -> None:
        """Let further files be read like the training file: by its channels, other columns being ignored."""
        channels = tuple(self.estimator.channels_ or ()) or None
        super().bind_columns(replace(columns, channel_columns=channels))

    def about(self, data: Sequences) -> list[str]:
        """Return the number of series, their lengths and channels, and the classes."""
        lengths = [len(values) for values in data.values]
        lines = [f"{len(lengths)} series of {min(lengths)} to {max(lengths)} steps; channels: {listed(data.channels)}"]
        if data.labels is not None:
            classes, counts = np.unique(data.labels, return_counts=True)
            lines.append(f"classes: {listed(f'{name} ({n})' for name, n in zip(classes, counts, strict=True))}")
        if data.left_out:
            lines.append(LEFT_OUT.format(listed(data.left_out), "--channel-columns"))
        return lines

    @property
    def columns(self) -> SequenceColumns:
        """Names of the columns of the training file, or the usual ones."""
        return getattr(self.estimator, "columns_", SequenceColumns())
