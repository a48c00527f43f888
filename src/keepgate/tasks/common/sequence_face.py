"""The face of tasks on sequences of numbers: their files, read by the channels of the training file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from keepgate.data.gaps import count_gaps
from keepgate.data.sequences import Sequences
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.ts import read_ts
from keepgate.errors import InputError, listed, quoted
from keepgate.tasks.common.face import LEFT_OUT, Face
from keepgate.tasks.common.sequence_parameters import SequenceColumns, names_of_series, of_further

__all__ = ["SequenceFace", "classes_line"]


def classes_line(labels: np.ndarray) -> str:
    """Return a line on the classes and how often each is there."""
    classes, counts = np.unique(labels, return_counts=True)
    return f"classes: {listed(f'{name} ({n})' for name, n in zip(classes, counts, strict=True))}"


class SequenceFace(Face):
    """Base of the faces of tasks on sequences of numbers.

    Attributes:
        GAPS: whether values may be missing.
    """

    GAPS: ClassVar[bool] = False

    @classmethod
    def read(cls, path: str | Path, columns: SequenceColumns | None = None, *, labelled: bool = True) -> Sequences:
        """Read a `.ts` file, or a long or wide table; see `Face.read`."""
        if Path(path).suffix.lower() == ".ts":
            data = read_ts(path, gaps=cls.GAPS)
        else:
            data = cls.read_other(path, columns, labelled)
        if not cls.GAPS and (
            holes := [i for i, value in zip(data.ids, data.values, strict=True) if count_gaps([value])]
        ):
            raise InputError(f"{path}: series {quoted(holes[0])} has missing values; fill the gaps first")
        if labelled and data.labels is None:
            raise InputError(f"{path} has no class labels (@classLabel false)")
        return data

    @classmethod
    def read_other(cls, path: str | Path, columns: Any, labelled: bool) -> Any:
        """Read a file that is no `.ts`."""
        names = names_of_series(columns or SequenceColumns())
        return read_long_table(path, **names, labelled=labelled, gaps=cls.GAPS)

    def bind_columns(self, columns: SequenceColumns) -> None:
        """Let further files be read like the training file: by its channels, other columns being ignored."""
        super().bind_columns(of_further(columns, self.estimator.channels_))

    def about(self, data: Sequences) -> list[str]:
        """Return the number of series, their lengths and channels, and the classes."""
        lengths = [len(values) for values in data.values]
        lines = [f"{len(lengths)} series of {min(lengths)} to {max(lengths)} steps; channels: {listed(data.channels)}"]
        if data.labels is not None:
            lines.append(classes_line(data.labels))
        if gaps := count_gaps(data.values):
            share = gaps / sum(value.size for value in data.values)
            lines.append(f"missing values: {gaps:,} ({share:.2g} of all), filled by straight lines")
        if data.left_out:
            lines.append(LEFT_OUT.format(listed(data.left_out), "--channel-columns"))
        return lines

    @property
    def columns(self) -> SequenceColumns:
        """Names of the columns of the training file, or the usual ones."""
        return getattr(self.estimator, "columns_", SequenceColumns())
