"""The progress bar: epoch, losses, time left."""

from __future__ import annotations

from tqdm import tqdm

from keepgate.training.history import History

__all__ = ["Bar"]

FORMAT = "{desc}{percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"
SECONDS = 0.1  # between two looks of the bar


class Bar:
    """A bar over the whole training on standard error, if that is a terminal and the bar is to be `shown`."""

    def __init__(self, epochs: int, shown: bool):
        self.epochs = epochs
        self.valid = ""
        self.bar = tqdm(
            total=epochs, disable=None if shown else True, bar_format=FORMAT, mininterval=SECONDS, leave=False
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def show(self, epoch: int, done: float, loss: float) -> None:
        """Show the part of epoch `epoch` (from 0) that is done, and its mean training loss so far."""
        if self.bar.disable:
            return
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(f"loss {loss:.4g}{self.valid}", refresh=False)
        self.bar.update(epoch + done - self.bar.n)

    def close_epoch(self, history: History) -> None:
        """Show the last held-out loss and the best one."""
        if history.valid_losses:
            self.valid = f", held-out {history.valid_losses[-1]:.4g} (best {history.best_loss:.4g})"
