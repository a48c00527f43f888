"""The model file: a folder with `config.json` and `model.safetensors`, never half written.

    from keepgate.store import read_model, write_model

    write_model(folder, {"task": "classify", "hidden_size": 64}, {"weight_ih_l0": weights})
    config, tensors = read_model(folder)        # a dict, and a dict of NumPy arrays

Nothing is pickled: `config` is what JSON can say, the tensors are NumPy arrays of plain numbers. Reading
checks the sizes before it takes memory, then the checksums; whatever is wrong with the files is an
`InputError` that names the file. `write_atomic` replaces any one file in the same all-or-nothing way, and
`replacing` one that is written piece by piece; `open_regular` and `read_file` read regular files only, so that
no pipe or device is waited for. No torch here.
"""

from keepgate.store.files import make_folder, replacing, write_atomic
from keepgate.store.model import has_model, read_model, write_model
from keepgate.store.reading import open_regular, read_file, standard_input
from keepgate.store.target import STANDARD_STREAM, check_different, is_stream

__all__ = [
    "STANDARD_STREAM",
    "check_different",
    "has_model",
    "is_stream",
    "make_folder",
    "open_regular",
    "read_file",
    "read_model",
    "replacing",
    "standard_input",
    "write_atomic",
    "write_model",
]
