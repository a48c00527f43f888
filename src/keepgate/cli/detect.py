"""`keepgate detect`: what is out of the ordinary in series, by an autoencoder of ordinary ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from keepgate.cli import parser
from keepgate.cli.predict import FORMATS, encode, table_format
from keepgate.cli.text import table
from keepgate.store import check_different, write_atomic

EXAMPLE = """\
  keepgate detect runs/ordinary new.csv
  keepgate detect runs/ordinary new.csv --quantile 0.999 --out scores.csv --report anomalies.html
  keepgate detect runs/ordinary new.csv --by series"""

DESCRIPTION = """\
Find what an autoencoder of ordinary series (`keepgate fit embed`) cannot reconstruct as well as it can those. Printed
are the stretches of steps, or the series, that score above the threshold: the score that a share QUANTILE of the steps
or series it was fitted to (of the held-out ones, where --valid was given) stays below. A score of 1 is ordinary."""

SHOWN = 20


def main(arguments: Sequence[str]) -> None:
    """Print what stands out; write the scores and the report where they are asked for."""
    flags = parser("detect", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of a run of `keepgate fit embed`")
    flags.add_argument("data", metavar="DATA", help="file of series, read as the training file was")
    flags.add_argument("--by", choices=("step", "series"), default="step", help="what is scored (default: step)")
    flags.add_argument(
        "--quantile", type=float, default=0.999, metavar="X", help="share of what is ordinary (default: 0.999)"
    )
    flags.add_argument("--out", metavar="FILE", help=f"table of all scores: {', '.join(FORMATS)} (default: none)")
    flags.add_argument("--report", metavar="FILE", help="HTML file with pictures of what stands out (default: none)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    options = flags.parse_args(arguments)
    suffix = table_format(options.out)
    for out in (options.out, options.report):
        check_different(options.data, out)

    from keepgate.tasks import face
    from keepgate.tasks.embed.detection import Detection
    from keepgate.tasks.embed.estimator import SequenceAutoencoder

    estimator = SequenceAutoencoder.load(options.run, options.device)
    data = face(estimator).read_alike(options.data)
    detection = Detection.of(estimator, data, options.quantile, options.by)
    if options.out is not None:
        write_atomic(options.out, encode(detection.table(), suffix))
    if options.report is not None:
        from keepgate.tasks.common.report.page import write_report

        write_report(options.report, f"detect: {options.data}", detection.sections(estimator))
    rows = detection.rows()
    if rows:
        print(table(rows[:SHOWN]))
    if len(rows) > SHOWN:
        print(f"... and {len(rows) - SHOWN} more", file=sys.stderr)
    print(detection.summary(), file=sys.stderr)
