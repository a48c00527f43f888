"""`keepgate fit`: train an estimator on a file and leave a run folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate.cli import one_of, parser
from keepgate.cli.text import table
from keepgate.errors import printable
from keepgate.store import write_atomic
from keepgate.tasks import TASKS, estimator_class

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator
    from keepgate.tasks.common.report.section import Section

DESCRIPTION = """\
Train a model on a file. RUN becomes a folder with config.json, model.safetensors, metrics.jsonl and report.html.
If the training is interrupted, the same command goes on where it stopped."""

EXAMPLES = {
    "classify": """\
  keepgate fit classify train.ts --out runs/vowels
  keepgate fit classify train.csv --valid valid.csv --id-column series --label-column kind --out runs/kinds
  keepgate fit classify train.ts --cell my_cells.py:MyCell --hidden-size 128 --out runs/mine""",
    "embed": """\
  keepgate fit embed series.csv --out runs/shapes
  keepgate fit embed history.csv --piece 48 --valid later.csv --out runs/ordinary
  keepgate fit classify few_labels.csv --init runs/shapes --out runs/kinds""",
    "forecast": """\
  keepgate fit forecast history.csv --horizon 24 --out runs/load
  keepgate fit forecast history.parquet --horizon 96 --cell gru --epochs 20 --out runs/gru""",
    "segment": """\
  keepgate fit segment train.csv --valid dev.csv --out runs/speech
  keepgate fit segment talks.jsonl --rate 16000 --no-bidirectional --out runs/live""",
    "suggest": """\
  keepgate fit suggest report.txt --out runs/report
  keepgate fit suggest letters.txt --valid letter.txt --vocabulary-size 20000 --out runs/letters""",
    "tag": """\
  keepgate fit tag train.conll --valid dev.conll --out runs/tags
  keepgate fit tag train.conllu.gz --valid dev.conllu.gz --tag-column 5 --out runs/fine
  keepgate fit tag terms.jsonl --hidden-size 64 --epochs 30 --out runs/terms""",
    "transcribe": """\
  keepgate fit transcribe train.csv --valid dev.csv --out runs/digits
  keepgate fit transcribe words.jsonl.gz --valid dev.jsonl.gz --epochs 30 --out runs/handwriting
  keepgate fit transcribe phonemes.csv --symbols words --rate 16000 --skip-bad --out runs/phonemes""",
    "translate": """\
  keepgate fit translate train.tsv --valid dev.tsv --lowercase --out runs/captions
  keepgate fit translate train.jsonl.gz --valid dev.jsonl.gz --hidden-size 384 --epochs 15 --out runs/large
  keepgate fit translate dialogues.tsv --task reply --out runs/replies""",
    "write": """\
  keepgate fit write plays.txt --out runs/plays
  keepgate fit write book.txt --valid other.txt --units subwords --adaptive --out runs/book
  keepgate fit write program.bin --units bytes --cell multiplicative_lstm --out runs/bytes""",
}


def main(arguments: Sequence[str]) -> None:
    """Read the task, then hand the rest to its own parser, which needs the estimator's parameters."""
    top = parser("fit", DESCRIPTION, "\n".join(EXAMPLES.values()))
    top.usage = "keepgate fit [-h] TASK DATA --out RUN ..."
    top.add_argument("task", type=one_of(TASKS), metavar="TASK", help=f"{' or '.join(TASKS)}; each has its own --help")
    top.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = top.parse_args(arguments)
    fit(chosen.task, chosen.rest)


def fit(task: str, arguments: Sequence[str]) -> None:
    """Train the estimator of `task` as the arguments say."""
    from keepgate.cli.flags import add_flags, take

    kind = estimator_class(task)
    flags = parser(f"fit {task}", DESCRIPTION, EXAMPLES[task])
    flags.add_argument("data", metavar="DATA", help=f"what to train on: a file in {', '.join(kind.formats)}")
    flags.add_argument("--out", metavar="RUN", required=True, help="folder of the run, made if need be")
    flags.add_argument("--valid", metavar="DATA", help="held-out file, to choose the best epoch (default: none)")
    add_flags(flags.add_argument_group("columns of the data"), kind.Columns)
    add_flags(flags.add_argument_group("model and training"), kind)
    options = flags.parse_args(arguments)

    estimator, columns = take(options, kind), take(options, kind.Columns)
    estimator.check_parameters()
    data = kind.read(options.data, columns)
    valid = None if options.valid is None else kind.read(options.valid, columns)
    try:
        estimator.fit(data, valid=valid, run=options.out)
    except KeyboardInterrupt:
        print("keepgate fit: stopped; the same command goes on from here", file=sys.stderr)
        raise
    estimator.remember(columns)
    estimator.save(options.out)
    for name, (_, content) in estimator.files().items():
        write_atomic(Path(options.out) / name, content)
    found = estimator.sections(data, valid)
    write_report(Path(options.out) / "report.html", estimator, found, f"{task}: {Path(options.data).name}")
    summarise(options.out, estimator, found)


def write_report(path: Path, estimator: Estimator, found: list[Section], title: str) -> None:
    """Write report.html: what the task found, how the training went, what was trained."""
    from keepgate.tasks.common.report import page
    from keepgate.tasks.common.report.figures import learning_curve
    from keepgate.tasks.common.report.section import Section

    settings = [{"parameter": name, "value": value} for name, value in estimator.get_params(deep=False).items()]
    about = [
        Section("Learning curve", figure=learning_curve(estimator.history_)),
        Section(f"Cell: {estimator.cell_name()}", listing=str(estimator.equations_)),
        Section("Parameters", rows=settings),
    ]
    page.write_report(path, title, [*found, *about])


def summarise(run: str, estimator: Estimator, found: list[Section]) -> None:
    """Print what was trained, the scores, and where everything is."""
    history = estimator.history_
    seconds = sum(row["seconds"] for row in history)
    weights = sum(parameter.numel() for parameter in estimator.network_.parameters())
    print(f"{estimator.cell_name()}: {weights:,} weights, trained in {seconds:.1f} s (epochs: {len(history)})")
    for section in found:
        if section.rows:
            print(printable(section.title) + f":\n{table(section.rows)}")
    print(printable(f"model in {run}, report in {Path(run) / 'report.html'}"))
    for name, (about, _) in estimator.files().items():
        print(printable(f"{about}: {Path(run) / name}"))
