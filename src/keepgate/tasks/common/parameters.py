"""Parameters as dataclass fields: each with its help text and its legal values, for Python and the command line.

An estimator's parameters are declared in `parameters.py` of its task, which imports neither torch nor scikit-learn: so
the command line knows them, and refuses a wrong one, before either is loaded. `Parameters` holds those of all tasks.
"""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypedDict, TypeVar, dataclass_transform

from keepgate import schema
from keepgate.errors import InputError, listed, quoted
from keepgate.training.settings import OPTIMIZERS, SCHEDULES

T = TypeVar("T")
MOST_VALUES = 10_000  # of a tuple
WIDTH = 100  # columns of a docstring that is put together


class Bounds(TypedDict):
    """The least and the most that a number may be."""

    minimum: float
    maximum: float


# Bounds of parameters that several tasks have. The upper ones are above what anybody uses, and below what hangs.
SIZE: Bounds = {"minimum": 1, "maximum": 65_536}  # units, values of an embedding
LAYERS: Bounds = {"minimum": 1, "maximum": 1_000}
STEPS: Bounds = {"minimum": 1, "maximum": 1_000_000}
EPOCHS: Bounds = {"minimum": 1, "maximum": 10_000_000}
EXAMPLES: Bounds = {"minimum": 1, "maximum": 2**24}
SHARE: Bounds = {"minimum": 0, "maximum": 1}
STRENGTH: Bounds = {"minimum": 0, "maximum": 1e6}
NORM: Bounds = {"minimum": 0, "maximum": 1e30}
MINUTES: Bounds = {"minimum": 1e-3, "maximum": 1e6}
SECONDS: Bounds = {"minimum": 0, "maximum": 86_400}  # within a recording
RATES = (51, 1_000_000)  # Hz; from the lowest on, a hop from window to window has a sample
HERTZ: Bounds = {"minimum": RATES[0], "maximum": RATES[1]}
BANDS: Bounds = {"minimum": 1, "maximum": 512}

INIT = "folder of a run (as of `keepgate fit embed`) whose recurrent weights training begins with"
FINE_TUNE = "folder of a run of this task whose weights training begins with; outputs of names that are new begin anew"
FREEZE = "with init: the output layer alone learns"
TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".feather")  # suffixes of tables


def param(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    check: schema.Check | None = None,
) -> Any:
    """Return a parameter: a dataclass field that carries its help text and its legal values.

    Its type is the field's annotation: int, float, str, bool, a tuple of one of them, or these `| None`. With a check
    of its own there may be further types in Python; the first is that of the command line.

    Args:
        default: its default value.
        help: its help text.
        choices: the values it may have, if there are few.
        minimum: the least value; a number needs both bounds.
        maximum: the greatest value.
        check: refuses what is illegal, in place of the type and the arguments above.
    """
    limits = {"choices": choices, "minimum": minimum, "maximum": maximum, "check": check}
    return field(default=default, metadata={"help": help, **limits})


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(param, field))
def estimator(cls: type[T]) -> type[T]:
    """Make a class with `param` fields an estimator: a dataclass whose docstring lists all its parameters."""
    made: Any = dataclass(eq=False, repr=False, kw_only=True)(cls)
    unused = getattr(made, "unused", ())
    lines = [_documented(f) for f in dataclasses.fields(made) if "help" in f.metadata and f.name not in unused]
    made.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Args:", *lines, ""])
    return made


def default_text(value: Any) -> str:
    """Return the default value of a parameter as help texts show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else "none" if value is None else str(value)


def _documented(parameter: dataclasses.Field[Any]) -> str:
    text = f"{parameter.name}: {parameter.metadata['help']} (default: {parameter.default!r})."
    return textwrap.fill(text, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as they were before JSON made lists of their tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@cache
def parameters(cls: type) -> tuple[tuple[str, Any, dict[str, Any]], ...]:
    """Return name, type and `param` metadata (with "default") of each field of a dataclass of `param` fields."""
    hints = typing.get_type_hints(cls)
    return tuple(
        (f.name, hints[f.name], {**f.metadata, "default": f.default})
        for f in dataclasses.fields(cls)
        if "help" in f.metadata
    )


def split_optional(kind: Any) -> tuple[Any, bool]:
    """Return `(T, True)` for the type `T | None`, else `(T, False)`; T is the first of several."""
    if isinstance(kind, types.UnionType):
        inner, *_ = (t for t in typing.get_args(kind) if t is not types.NoneType)
        return inner, True
    return kind, False


@cache
def checks(cls: type) -> dict[str, schema.Check]:
    """Return the check of each parameter of a dataclass, by name."""
    return {name: _check(kind, meta) for name, kind, meta in parameters(cls)}


def check_parameters(given: Any) -> None:
    """Check that each parameter of a dataclass object has the type and a value of its `param` field.

    Raises:
        InputError: one has not; the message names it.
    """
    for name, check in checks(type(given)).items():
        check(name, getattr(given, name))


def _check(kind: Any, meta: dict[str, Any]) -> schema.Check:
    if meta["check"] is not None:
        return meta["check"]
    kind, optional = split_optional(kind)
    if optional:
        return schema.optional(_check(kind, meta))
    if typing.get_origin(kind) is tuple:
        return _several(_check(typing.get_args(kind)[0], meta))
    if meta["choices"] is not None:
        return schema.choice(meta["choices"])
    if kind is bool:
        return schema.boolean
    if kind is str:
        return schema.text()
    return {int: schema.whole, float: schema.number}[kind](meta["minimum"], meta["maximum"])


def _several(inner: schema.Check) -> schema.Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, (tuple, list)):
            raise InputError(f"{name}={quoted(value)} is no tuple of values")
        schema.at_most(f"the number of values of {name}", len(value), 0, MOST_VALUES)
        for item in value:
            inner(name, item)

    return check


def columns_named(kind: type[T], given: dict[str, Any]) -> T:
    """Return names of columns that were given to `fit` as arguments, as an object of the dataclass `kind`.

    Raises:
        InputError: one is no role of a column, or no name.
    """
    known = [name for name, _, _ in parameters(kind)]
    for name in given:
        if name not in known:
            raise InputError(f"fit has no argument {quoted(name)}; columns are named by {listed(known)}")
    columns = kind(**with_tuples(given))
    check_parameters(columns)
    return columns


@dataclass(frozen=True)
class NoColumns:
    """The `Columns` of a task that needs no column names beyond its own parameters."""


@estimator
class Parameters:
    """The parameters that the estimators of all tasks have; each task's own are in a class below this one.

    Attributes:
        TASK: its name on the command line and in the model file.
        Columns: a dataclass of `param` fields: the names of a file's columns.
        formats: suffixes of the files to train on.
        data_help: what there is to train on, where it is no file of these.
        examples: command lines of `keepgate fit`, for its help.
        later: parameters, columns and state that earlier model files lack, as they were then; besides those of the
            bases.
        unused: inherited parameters that have no effect on this task, which help texts pass over.
    """

    later: ClassVar[Mapping[str, Any]] = {"minutes": None, "average": None}
    unused: ClassVar[tuple[str, ...]] = ()

    TASK: ClassVar[str]
    Columns: ClassVar[type] = NoColumns
    formats: ClassVar[tuple[str, ...]] = TABLES
    data_help: ClassVar[str | None] = None
    examples: ClassVar[str]

    cell: str = param("lstm", "recurrent cell: a name from `keepgate cells` or path/to/file.py:Name")
    hidden_size: int = param(64, "units of each layer and direction", **SIZE)
    num_layers: int = param(1, "recurrent layers, one above the other", **LAYERS)
    dropout: float = param(0.0, "share of activations dropped while training", **SHARE)
    epochs: int | None = param(50, "passes over the training data (none: as many as learning takes)", **EPOCHS)
    minutes: float | None = param(
        None,
        "end after so many minutes, with the course of the step size fitted to them (none: by epochs alone)",
        **MINUTES,
    )
    batch_size: int = param(32, "examples in one step of the optimizer", **EXAMPLES)
    optimizer: str = param("adamw", "optimizer", choices=OPTIMIZERS)
    learning_rate: float = param(1e-3, "highest step size of the optimizer", **STRENGTH)
    weight_decay: float = param(0.01, "weight decay of the optimizer", **STRENGTH)
    clip_norm: float | None = param(1.0, "largest norm of the gradient; longer ones are scaled down", **NORM)
    schedule: str = param("cosine", "course of the step size over the epochs", choices=SCHEDULES)
    warmup: float = param(0.05, "share of all steps over which the step size rises to its highest", **SHARE)
    patience: int | None = param(
        None, "stop after this many epochs without a better held-out loss (none: never)", **EPOCHS
    )
    average: float | None = param(
        None,
        "decay of an average of the weights over the steps, such as 0.999, that takes the place of the last weights "
        "(none: no average)",
        minimum=0.5,
        maximum=0.99999,
    )
    seed: int = param(0, "seed of all that is random; the same seed gives the same model", minimum=0, maximum=2**32 - 1)
    backend: str = param("auto", "engine of the recurrence: auto, or one that `keepgate doctor` lists")
    device: str = param("auto", "where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, ...")
    threads: int | None = param(
        1,
        "processor threads; one is fastest for networks of the default size (none: torch's own setting)",
        minimum=1,
        maximum=1_024,
    )
    progress: bool = param(True, "show a progress bar where standard error is a terminal")


@estimator
class HeldOutParameters(Parameters):
    """The parameters of tasks that hold out a part of the training data by themselves."""

    later: ClassVar[Mapping[str, Any]] = {"hold_out": 0.0, "refit": False}

    hold_out: float | None = param(
        None,
        "share of the training data that chooses the best epoch, where no held-out data are given (none: a tenth of "
        "100 examples or more, at most 1,000; 0: nothing)",
        minimum=0,
        maximum=0.9,
    )
    refit: bool | None = param(
        None,
        "then go on with all data, a fifth as long and at a lower rate (none: where that share is a twentieth or more)",
    )


@estimator
class CrossedParameters(HeldOutParameters):
    """The parameters of tasks that can be calibrated by cross-fitting."""

    later: ClassVar[Mapping[str, Any]] = {"folds": 0}

    folds: int | None = param(
        None,
        "so many networks are fitted besides, each without another part, whose answers about it calibrate (none: 3 "
        "where fewer than 100 examples or groups are held out by themselves, unless minutes are given; 0: what is held "
        "out calibrates; where nothing is, nothing)",
        minimum=0,
        maximum=100,
    )


@estimator
class EnsembleParameters(Parameters):
    """The parameter of tasks whose answers can be averaged."""

    later: ClassVar[Mapping[str, Any]] = {"ensemble": 1}

    ensemble: int = param(
        1, "networks, each trained from a seed of its own, whose answers are averaged", minimum=1, maximum=20
    )
