"""`keepgate fit`: train an estimator on a file and leave a run folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate.cli import one_of, parser
from keepgate.cli.text import print_notes, table
from keepgate.errors import printable
from keepgate.store import write_atomic
from keepgate.tasks import TASKS, estimator_class, face_class, parameters_class

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator
    from keepgate.tasks.common.face import Face
    from keepgate.tasks.common.report.section import Section

SHOWN_TRIALS = 10  # of a search, in the report
DESCRIPTION = """\
Train a model on a file. RUN becomes a folder with config.json, model.safetensors, metrics.jsonl and report.html.
If the training is interrupted, the same command goes on where it stopped."""

EXAMPLE = """\
  keepgate fit classify train.ts --out runs/vowels
  keepgate fit forecast history.csv --horizon 24 --out runs/load
  keepgate fit transcribe train.csv --valid dev.csv --out runs/digits
  keepgate fit tag --help"""


def main(arguments: Sequence[str]) -> None:
    """Read the task, then hand the rest to its own parser, which needs the estimator's parameters."""
    top = parser("fit", DESCRIPTION, EXAMPLE)
    top.usage = "keepgate fit [-h] TASK DATA --out RUN ..."
    top.add_argument("task", type=one_of(TASKS), metavar="TASK", help=f"{' or '.join(TASKS)}; each has its own --help")
    top.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = top.parse_args(arguments)
    fit(chosen.task, chosen.rest)


def fit(task: str, arguments: Sequence[str]) -> None:
    """Train the estimator of `task` as the arguments say."""
    from keepgate import cells
    from keepgate.cli.flags import add_flags, take
    from keepgate.tasks.common.parameters import check_parameters

    known = parameters_class(task)
    flags = parser(f"fit {task}", DESCRIPTION, known.examples)
    what = known.data_help or f"what to train on: a file in {', '.join(known.formats)}"
    flags.add_argument("data", metavar="DATA", help=what)
    flags.add_argument("--out", metavar="RUN", required=True, help="folder of the run, made if need be")
    flags.add_argument(
        "--tune", metavar="MINUTES", type=float, help="first search for parameters for so many minutes (default: no)"
    )
    flags.add_argument("--valid", metavar="DATA", help="held-out file, to choose the best epoch (default: none)")
    add_flags(flags.add_argument_group("columns of the data"), known.Columns)
    add_flags(flags.add_argument_group("model and training"), known)
    options = flags.parse_args(arguments)
    columns = take(options, known.Columns)
    check_parameters(take(options, known))  # before what takes seconds to import
    cells.get(options.cell)

    estimator = take(options, estimator_class(task))
    estimator.check_parameters()
    face = face_class(task)(estimator)
    data = face.read(options.data, columns)
    valid = None if options.valid is None else face.read(options.valid, columns)
    try:
        if options.tune is None:
            estimator.fit(data, valid=valid, run=options.out)
        else:
            from keepgate.tasks.common.tuning import tune

            tune(estimator, data, minutes=options.tune, valid=valid, run=options.out)
    except KeyboardInterrupt:
        print("keepgate fit: stopped; the same command goes on from here", file=sys.stderr)
        raise
    face.bind_columns(columns)
    estimator.save(options.out)
    for name, (_, content) in face.files().items():
        write_atomic(Path(options.out) / name, content)
    about = face.about(data)
    for line in about:
        print(printable(line))
    print_notes("fit", [*face.notes(data), *estimator.fit_notes_])
    sections = face.report(data, valid)
    if about:
        sections = [data_section(about), *sections]
    write_report(Path(options.out) / "report.html", estimator, sections, f"{task}: {Path(options.data).name}")
    summarize(options.out, face, sections)


def data_section(lines: Sequence[str]) -> Section:
    """Return the report's section on the data."""
    from keepgate.tasks.common.report.section import Section

    return Section("Data", ". ".join(lines) + ".")


def write_report(path: Path, estimator: Estimator, sections: list[Section], title: str) -> None:
    """Write report.html: the task's sections, how the training went, and what was trained."""
    from keepgate.tasks.common.report import page
    from keepgate.tasks.common.report.section import Section

    settings = [{"parameter": name, "value": value} for name, value in estimator.get_params(deep=False).items()]
    from keepgate.tasks.common.tuning import tuning_figure

    if trials := getattr(estimator, "trials_", []):
        said = f"{len(trials)} trials; grey ones were ended early, the red one is the best."
        sections = [*sections, Section("Search", said, trials[:SHOWN_TRIALS], tuning_figure(trials))]
    about = [
        Section("Learning curve", figure=estimator.learning_curve()),
        Section(f"Cell: {estimator.cell_name()}", listing=str(estimator.equations_)),
        Section("Parameters", rows=settings),
    ]
    page.write_report(path, title, [*sections, *about])


def summarize(run: str, face: Face, sections: list[Section]) -> None:
    """Print what was trained, the scores, and where everything is."""
    estimator = face.estimator
    history = estimator.history_
    seconds = sum(row["seconds"] for row in history)
    weights = sum(parameter.numel() for parameter in estimator.network_.parameters())
    print(f"{estimator.cell_name()}: {weights:,} weights, trained in {seconds:.1f} s (epochs: {len(history)})")
    for section in sections:
        if section.rows:
            print(printable(section.title) + f":\n{table(section.rows)}")
    print(printable(f"model in {run}, report in {Path(run) / 'report.html'}"))
    for name, (about, _) in face.files().items():
        print(printable(f"{about}: {Path(run) / name}"))
