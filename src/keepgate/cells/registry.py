"""Cells by name: the registry, and how a specification in text becomes a cell.

A specification is a registered name (`lstm`), a name with options (`rnn("relu")`), modifiers around it
(`zoneout(layer_norm(lstm), 0.1)`), or a class in a file of the user's (`path/to/file.py:Name`; inside a modifier in
quotes if the path has spaces, quotes, commas or parentheses). It is parsed, never evaluated; only a file that the user
names is run.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keepgate.cells.activations import activation, no_output_activation
from keepgate.cells.atr import ATR
from keepgate.cells.brc import BRC
from keepgate.cells.cfn import CFN
from keepgate.cells.cornn import CoRNN
from keepgate.cells.coupled_lstm import CoupledLSTM
from keepgate.cells.dropout import recurrent_dropout, variational, zoneout
from keepgate.cells.dsgu import DSGU
from keepgate.cells.fastgrnn import FastGRNN
from keepgate.cells.fastrnn import FastRNN
from keepgate.cells.gru import GRU
from keepgate.cells.gru_cho import GRUCho
from keepgate.cells.indrnn import IndRNN
from keepgate.cells.janet import JANET
from keepgate.cells.lem import LEM
from keepgate.cells.light_gru import LightGRU
from keepgate.cells.light_ru import LightRU
from keepgate.cells.lstm import LSTM
from keepgate.cells.lstm_1997 import LSTM1997
from keepgate.cells.mgu import MGU
from keepgate.cells.min_gru import MinGRU
from keepgate.cells.min_lstm import MinLSTM
from keepgate.cells.minimal_rnn import MinimalRNN
from keepgate.cells.modifiers import coupled, layer_norm, projected
from keepgate.cells.multiplicative_lstm import MultiplicativeLSTM
from keepgate.cells.mut1 import MUT1
from keepgate.cells.mut2 import MUT2
from keepgate.cells.mut3 import MUT3
from keepgate.cells.nas import NAS
from keepgate.cells.nbrc import NBRC
from keepgate.cells.nested_lstm import NestedLSTM
from keepgate.cells.peephole_lstm import PeepholeLSTM
from keepgate.cells.peephole_lstm_full import PeepholeLSTMFull
from keepgate.cells.qrnn import QRNN
from keepgate.cells.ran import RAN
from keepgate.cells.residual_lstm import ResidualLSTM
from keepgate.cells.rhn import RHN
from keepgate.cells.rnn import RNN
from keepgate.cells.scrn import SCRN
from keepgate.cells.sgu import SGU
from keepgate.cells.slstm import SLSTM
from keepgate.cells.sru import SRU
from keepgate.cells.star import STAR
from keepgate.cells.tau_gru import TauGRU
from keepgate.cells.tgru import TGRU
from keepgate.cells.time_aware_lstm import TimeAwareLSTM
from keepgate.cells.tlstm import TLSTM
from keepgate.cells.trnn import TRNN
from keepgate.cells.ugrnn import UGRNN
from keepgate.cells.unicornn import UnICORNN
from keepgate.cells.working_memory_lstm import WorkingMemoryLSTM
from keepgate.equations import Cell, Equations, WrittenCell
from keepgate.errors import InputError, KeepgateError, quoted, reason
from keepgate.user_module import FAULTS, run_file

__all__ = ["get", "modifiers", "registry"]

LONGEST = 1_000  # characters of a specification
MOST_MODIFIERS = 16
BARE_FILE = re.compile(r"""(?<=\()[^\s(),'"]+\.py:\w+(?=[,)])""")  # within a modifier, without quotes

CELLS: tuple[type[Cell], ...] = (
    LSTM1997,
    LSTM,
    PeepholeLSTM,
    PeepholeLSTMFull,
    CoupledLSTM,
    GRU,
    GRUCho,
    RNN,
    TimeAwareLSTM,
    MultiplicativeLSTM,
    ATR,
    BRC,
    NBRC,
    CFN,
    CoRNN,
    FastRNN,
    FastGRNN,
    IndRNN,
    JANET,
    LEM,
    LightGRU,
    MGU,
    MinimalRNN,
    MUT1,
    MUT2,
    MUT3,
    NAS,
    RAN,
    ResidualLSTM,
    RHN,
    SCRN,
    SGU,
    DSGU,
    STAR,
    TRNN,
    TGRU,
    TLSTM,
    TauGRU,
    UGRNN,
    UnICORNN,
    WorkingMemoryLSTM,
    MinLSTM,
    MinGRU,
    SRU,
    QRNN,
    NestedLSTM,
    SLSTM,
    LightRU,
)


MODIFIERS: tuple[Callable[..., Cell], ...] = (
    coupled,
    layer_norm,
    projected,
    activation,
    no_output_activation,
    zoneout,
    recurrent_dropout,
    variational,
)


def registry() -> dict[str, type[Cell]]:
    """Return the registered cells by name."""
    return {cell.name: cell for cell in CELLS}


def modifiers() -> dict[str, Callable[..., Cell]]:
    """Return the modifiers by name."""
    return {modifier.__name__: modifier for modifier in MODIFIERS}


def get(spec: str | Cell | type[Cell] | Equations, *, files: bool = True) -> Cell:
    """Return the cell that a specification names; a cell, a cell class or equations stand for themselves.

    Args:
        spec: of the cell.
        files: whether a file that is named is run; else it is refused.

    Raises:
        InputError: the name, the file or an option is unknown; the message lists what there is.
        CellError: the equations of the cell are wrong.
    """
    if isinstance(spec, Cell):
        return spec
    if isinstance(spec, Equations):
        return WrittenCell(spec)
    if inspect.isclass(spec) and issubclass(spec, Cell):
        return _made(spec)
    if not isinstance(spec, str):
        raise InputError(f"a cell is a name, a Cell or Equations; got {type(spec).__name__}")
    if len(spec) > LONGEST:
        raise InputError(f"cell {quoted(spec)} has {len(spec):,} characters, more than {LONGEST:,}")
    if ".py:" in spec and "(" not in spec:
        if not files:
            raise InputError(f"cell {quoted(spec)} is in a file, which is not run here")
        return _from_file(spec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(BARE_FILE.sub(lambda file: repr(file[0]), spec.strip()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _unknown(spec) from None
    return _build(tree, spec, files)


def _build(tree: ast.expr, spec: str, files: bool, depth: int = 0) -> Cell:
    if depth > MOST_MODIFIERS:
        raise InputError(f"cell {quoted(spec)} has more than {MOST_MODIFIERS} modifiers around each other")
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return get(tree.value, files=files)
    name, arguments, keywords = tree, [], []
    if isinstance(tree, ast.Call):
        name, arguments, keywords = tree.func, list(tree.args), tree.keywords
    if not isinstance(name, ast.Name):
        raise _unknown(spec)
    options = {str(keyword.arg): _literal(keyword.value, spec) for keyword in keywords}
    if name.id in modifiers() and arguments:
        inner = _build(arguments[0], spec, files, depth + 1)
        return _call(modifiers()[name.id], (inner, *(_literal(a, spec) for a in arguments[1:])), options, spec)
    if name.id in modifiers():
        raise InputError(f"cell {quoted(spec)}: {name.id} modifies a cell, as in {name.id}(lstm)")
    if name.id not in registry():
        raise _unknown(name.id)
    return _call(registry()[name.id], tuple(_literal(a, spec) for a in arguments), options, spec)


def _call(maker: Callable[..., Cell], arguments: tuple[Any, ...], options: dict[str, Any], spec: str) -> Cell:
    try:
        inspect.signature(maker).bind(*arguments, **options)
    except TypeError as error:
        raise InputError(f"cell {quoted(spec)}: {error}") from None
    try:
        return maker(*arguments, **options)
    except KeepgateError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:  # an option of another type than the maker's
        raise InputError(f"cell {quoted(spec)}: {reason(error)}") from error


def _made(cell: type[Cell]) -> Cell:
    try:
        inspect.signature(cell).bind()
    except TypeError:
        name = cell.__name__
        raise InputError(f"{name} takes arguments; give a cell made with them, such as mine = {name}(...)") from None
    return cell()


def _literal(tree: ast.expr, spec: str) -> Any:
    try:
        return ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InputError(f"cell {quoted(spec)}: options are plain values, not {quoted(ast.unparse(tree))}") from None


def _unknown(name: str) -> InputError:
    return InputError(
        f"unknown cell {quoted(name)}; there are {', '.join(registry())}, the modifiers {', '.join(modifiers())},"
        " and path/to/file.py:Name"
    )


def _from_file(spec: str) -> Cell:
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not os.path.isfile(path):
        raise InputError(f"cell {quoted(spec)}: there is no file {file}")
    try:
        module = run_file(path, "cell")
        value = getattr(module, name, None)
        if inspect.isclass(value) and issubclass(value, Cell):
            value = _made(value)
    except KeepgateError:
        raise
    except FAULTS as error:
        raise InputError(
            f"cell {quoted(spec)}: {file} fails to run: {type(error).__name__}: {reason(error)}"
        ) from error
    if isinstance(value, Cell):
        return value
    names = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, Cell) and v is not Cell]
    raise InputError(f"cell {quoted(spec)}: {file} has no cell {name}; it has {', '.join(names) or 'none'}")
