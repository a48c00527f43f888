"""Training: one loop for full and truncated back-propagation through time, on one process or many.

    from keepgate.training import Examples, Settings, train

    class Words(Examples):                                   # see Examples for what may be added
        def __len__(self): return len(words)
        def length(self, i): return len(words[i])            # batches group examples of like length
        def batch(self, indices):                            # [T, B] characters, [B] lengths, [B] classes
            rows = [words[i] for i in indices]
            return pad_sequence(rows), torch.tensor([len(row) for row in rows]), classes[indices]

    def loss(model, batch):
        characters, lengths, classes = batch
        return cross_entropy(model(characters, lengths), classes)

    history = train(model, loss, Words(), valid, Settings(epochs=30, patience=5), run="runs/words")

`model` then has its best weights. With `Settings(window=64)` the loss is `loss(model, window, state) ->
(loss, state)` and the state is carried from window to window. With `run` the folder gets `metrics.jsonl`
and a checkpoint, and the same call goes on where a killed one stopped, to the same bits. `callbacks=[TensorBoard(
"board")]` or `CSVLog`, or any function of an epoch's row and the model, looks on; the logger `keepgate.training` gets
each row too. Under `torchrun`
the same script trains by DistributedDataParallel: each process takes its part of every batch.
"""

from keepgate.training.callbacks import CSVLog, TensorBoard
from keepgate.training.distributed import is_first
from keepgate.training.examples import Examples, Streams
from keepgate.training.history import History
from keepgate.training.loop import train
from keepgate.training.score import Score
from keepgate.training.settings import Settings

__all__ = ["CSVLog", "Examples", "History", "Score", "Settings", "Streams", "TensorBoard", "is_first", "train"]
