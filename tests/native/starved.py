"""Let memory run out amid scans, again and again: each ends with an error or the right numbers, and so does the next.

Prints how many of them ended with the core's own error.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

import torch
from torch.func import functional_call, vmap

from keepgate.nn import LSTM

STEP, MOST = 25_000_000, 400_000_000  # bytes
ROWS = 4096


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "2"
    torch.manual_seed(0)
    x = torch.randn(1, 2 * ROWS, 8)
    layer = LSTM(8, 256, backend="native")
    alone = {name: value.detach() for name, value in layer.named_parameters()}
    population = {name: torch.stack([value, -value, value]) for name, value in alone.items()}

    def run(parameters: dict[str, torch.Tensor], rows: int) -> torch.Tensor:
        return functional_call(layer, parameters, (x[:, :rows],))[0]

    failures, rows = 0, ROWS
    for scan in (lambda rows: run(alone, rows), lambda rows: vmap(lambda p: run(p, rows))(population)):
        with torch.no_grad():
            whole = scan(2 * ROWS)
            for more in range(STEP, MOST, STEP):
                rows += 16  # a size of its own: the core keeps memory for calls of the same size
                wanted = whole[..., :rows, :]
                resource.setrlimit(resource.RLIMIT_AS, (size() + more, resource.RLIM_INFINITY))
                try:
                    assert torch.equal(scan(rows), wanted)
                except MemoryError:  # of the core
                    failures += 1
                except RuntimeError as error:  # of torch
                    if "allocate memory" not in str(error):
                        raise
                finally:
                    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                assert torch.equal(scan(rows), wanted)
    print(failures)


def size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
