"""The progress of a training: a bar in a terminal or a notebook, else a plain line now and then."""

from __future__ import annotations

import sys
import time
import warnings
from types import ModuleType
from typing import Any

from tqdm import TqdmExperimentalWarning, TqdmWarning

from keepgate.training.history import History

__all__ = ["Bar", "Lines", "progress_of"]

FORMAT = "{desc}{percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"
SECONDS = 0.1  # between two looks of the bar
BETWEEN_LINES = 60.0  # seconds


def progress_of(epochs: int, shown: bool, name: str = "") -> Lines:
    """Return the display of a training: a bar in a terminal or a notebook, else lines.

    Args:
        epochs: number of epochs.
        shown: whether to show anything.
        name: of the training, which is shown first.
    """
    if not shown or sys.stderr is None:
        return Lines(epochs, None)
    if sys.stderr.isatty() or _in_notebook():
        return Bar(epochs, name)
    return Lines(epochs, BETWEEN_LINES, name)


class Lines:
    """A line on standard error every minute, as logs of jobs and of continuous integration need it."""

    def __init__(self, epochs: int, seconds: float | None, name: str = ""):
        self.epochs, self.seconds, self.named = epochs, seconds, name and f"{name}, "
        self.valid = ""
        self.begin = self.last = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the display."""

    def show(self, epoch: int, done: float, loss: float) -> None:
        """Show the part of epoch `epoch` (from 0) that is done, and its mean training loss so far."""
        now = time.monotonic()
        if self.seconds is None or now < self.last + self.seconds:
            return
        self.last = now
        share, minutes = (epoch + done) / self.epochs, (now - self.begin) / 60
        print(
            f"{self.named}epoch {epoch + 1}/{self.epochs}, {share:.0%} of the training after {minutes:.0f} min: "
            f"loss {loss:.4g}{self.valid}",
            file=sys.stderr,
            flush=True,
        )

    def tell(self, share: float, text: str) -> None:
        """Show the share of a training that is done, and a text on it."""
        now = time.monotonic()
        if self.seconds is None or now < self.last + self.seconds:
            return
        self.last = now
        done = f"{share:.0%} of the training after {(now - self.begin) / 60:.0f} min"
        print(f"{self.named}{done}: {text}", file=sys.stderr, flush=True)

    def close_epoch(self, history: History) -> None:
        """Show the last held-out loss and the best one from now on."""
        if history.valid_losses:
            self.valid = f", held-out {history.valid_losses[-1]:.4g} (best {history.best_loss:.4g})"
            score = history.rows[-1].get("valid_score")
            if score is not None:
                self.valid += f", score {score:.4g} (best {history.rows[history.best_epoch - 1]['valid_score']:.4g})"


class Bar(Lines):
    """A bar over the whole training on standard error, in a notebook one of its widgets."""

    def __init__(self, epochs: int, name: str = ""):
        super().__init__(epochs, None, name)
        bar_class = _tqdm().tqdm
        self.bar: Any = bar_class(total=epochs, bar_format=FORMAT, mininterval=SECONDS, leave=_in_notebook())

    def close(self) -> None:
        """Remove the bar from a terminal; a notebook keeps it."""
        self.bar.close()

    def show(self, epoch: int, done: float, loss: float) -> None:
        """Show the part of epoch `epoch` (from 0) that is done, and its mean training loss so far."""
        self.bar.set_description(f"{self.named}epoch {epoch + 1}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(f"loss {loss:.4g}{self.valid}", refresh=False)
        self.bar.update(epoch + done - self.bar.n)

    def tell(self, share: float, text: str) -> None:
        """Show the share of a training that is done, and a text on it."""
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(share * self.epochs - self.bar.n)


def _tqdm() -> ModuleType:
    """Return tqdm's module for this environment; without ipywidgets a notebook gets a bar of text."""
    if not _in_notebook():
        import tqdm

        return tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmExperimentalWarning)
        warnings.simplefilter("ignore", TqdmWarning)
        import tqdm.autonotebook

    return tqdm.autonotebook


def _in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config
