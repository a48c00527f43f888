"""`keepgate write`: a trained language model writes on from a prompt."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from keepgate.cli import parser
from keepgate.errors import InputError

EXAMPLE = """\
  keepgate write runs/plays --prompt "ROMEO:" --temperature 0.7
  keepgate write runs/plays --prompt "O " --length 200 --top-p 0.9 --seed 1
  keepgate write runs/plays --prompt "ROMEO:" --top-k 20 --stop "JULIET:" --samples 3
  head -c 200 scene.txt | keepgate write runs/plays --prompt -"""

DESCRIPTION = """\
Write on from a prompt with a model of `keepgate fit write`. The prompt and what follows it are written to standard
output, character by character as they are drawn."""


def main(arguments: Sequence[str]) -> None:
    """Print the prompt, and the text as it is sampled."""
    flags = parser("write", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument(
        "--prompt",
        default="",
        metavar="TEXT",
        help="text to go on from; - reads it from standard input (default: none)",
    )
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
    flags.add_argument("--top-k", type=int, metavar="N", help="draw from the N most probable units (default: all)")
    flags.add_argument(
        "--repetition-penalty",
        type=float,
        default=1.0,
        metavar="X",
        help="above 1: units that were there before are less probable (default: 1)",
    )
    flags.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help="end before this text; may be repeated (default: none)",
    )
    flags.add_argument(
        "--samples", type=int, default=1, metavar="N", help="texts to write, a line --- apart (default: 1)"
    )
    flags.add_argument("--seed", type=int, metavar="N", help="the same seed writes the same text (default: none)")
    options = flags.parse_args(arguments)
    if options.seed is not None and options.seed < 0:
        raise InputError(f"--seed {options.seed} is not possible: it has to be a number from 0 on")
    if options.samples < 1:
        raise InputError(f"--samples {options.samples} is not possible: it has to be a number from 1 on")
    from keepgate.tasks.write.estimator import LanguageModel

    model = LanguageModel.load(options.run, "cpu")
    prompt = sys.stdin.read().removesuffix("\n") if options.prompt == "-" else options.prompt
    how = {name: getattr(options, name) for name in ("temperature", "top_p", "top_k", "repetition_penalty", "stop")}
    for sample in range(options.samples):
        seed = None if options.seed is None else options.seed + sample
        pieces = model.write(prompt, options.length, seed=seed, **how)
        sys.stdout.write(("---\n" if sample else "") + prompt)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
