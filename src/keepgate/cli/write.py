"""`keepgate write`: a trained language model writes on from a prompt."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from keepgate.cli import parser
from keepgate.errors import InputError

EXAMPLE = """\
  keepgate write runs/plays --prompt "ROMEO:" --temperature 0.7
  keepgate write runs/plays --prompt "O " --length 200 --top-p 0.9 --seed 1"""

DESCRIPTION = """\
Write on from a prompt with a model of `keepgate fit write`. The prompt and what follows it are written to standard
output, character by character as they are drawn."""


def main(arguments: Sequence[str]) -> None:
    """Print the prompt, and the text as it is sampled."""
    flags = parser("write", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("--prompt", default="", metavar="TEXT", help="text to go on from (default: none)")
    flags.add_argument("--length", type=int, default=500, metavar="N", help="units to write (default: 500)")
    flags.add_argument(
        "--temperature",
        type=float,
        default=0.8,
        metavar="X",
        help="below 1 more probable, above 1 more surprising; 0: always the most probable (default: 0.8)",
    )
    flags.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="X",
        help="draw from the fewest units that have this share of the probability (default: 1, all)",
    )
    flags.add_argument("--seed", type=int, metavar="N", help="the same seed writes the same text (default: none)")
    options = flags.parse_args(arguments)
    if options.seed is not None and options.seed < 0:
        raise InputError(f"--seed {options.seed} is not possible: it has to be a number from 0 on")
    from keepgate.tasks.write.estimator import LanguageModel

    model = LanguageModel.load(options.run, "cpu")
    pieces = model.write(options.prompt, options.length, options.temperature, options.top_p, options.seed)
    sys.stdout.write(options.prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
