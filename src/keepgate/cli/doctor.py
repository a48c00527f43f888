"""`keepgate doctor`: what is installed, and which engines run here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from keepgate.cli import parser
from keepgate.cli.faults import versions
from keepgate.cli.text import table
from keepgate.errors import KeepgateError
from keepgate.extras import EXTRAS, missing_extra, missing_packages

EXAMPLE = "  keepgate doctor"


def main(arguments: Sequence[str]) -> None:
    """Print versions, extras and engines."""
    parser("doctor", "Say what is installed, and which engines run here or why not.", EXAMPLE).parse_args(arguments)
    for rows in (_versions(), _extras(), _engines(), _speed()):
        print(table(rows), end="\n\n")


def _versions() -> list[dict[str, str]]:
    return [{"what": name, "version": version} for name, version in versions()]


def _extras() -> list[dict[str, str]]:
    missing = {extra: missing_packages(extra) for extra in EXTRAS}
    return [
        {"extra": extra, "installed": f"no: pip install 'keepgate[{extra}]'" if absent else "yes"}
        for extra, absent in missing.items()
    ]


def _engines() -> list[dict[str, str]]:
    try:
        from keepgate.scan import engines
    except ModuleNotFoundError as error:
        return [{"engine": "any", "runs here": f"no: {missing_extra(error.name) or error}"}]
    return [
        {"engine": name, "runs here": answer if answer == "yes" else f"no: {answer}"}
        for name, answer in engines().items()
    ]


def _speed() -> list[dict[str, str]]:
    """Measure the speed of the native engine on a layer of 256 units, and of torch's own matrix product."""
    try:
        import torch

        from keepgate.native import instruction_set, openmp_library, threads
        from keepgate.nn import LSTM

        name, count = instruction_set(), threads(torch.get_num_threads())
    except (ModuleNotFoundError, KeepgateError) as error:
        return [{"native engine": str(error), "": ""}]
    layer, x = LSTM(256, 256, backend="native"), torch.randn(50, 64, 256)
    square = torch.randn(1024, 1024)
    with torch.no_grad():
        core = _rate(lambda: layer(x), 2 * 50 * 64 * 4 * 256 * (256 + 256))
        product = _rate(lambda: square @ square, 2 * 1024**3)
    return [
        {"native engine": "instruction set", "": name},
        {"native engine": "threads", "": f"{count}, of {openmp_library() or 'its own pool'}"},
        {"native engine": "LSTM of 256 units, forward", "": f"{core:.0f} GFLOP/s"},
        {"native engine": "torch's matrix product", "": f"{product:.0f} GFLOP/s"},
    ]


def _rate(run: Callable[[], object], operations: float) -> float:
    """Return the best of some runs, in GFLOP/s."""
    seconds = []
    for _ in range(8):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return operations / min(seconds) / 1e9
