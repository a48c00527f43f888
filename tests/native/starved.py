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


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "2"
    torch.manual_seed(0)
    x = torch.randn(1, 4096, 8)
    layer = LSTM(8, 256, backend="native")
    alone = {name: value.detach() for name, value in layer.named_parameters()}
    population = {name: torch.stack([value, -value, value]) for name, value in alone.items()}

    def run(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional_call(layer, parameters, (x,))[0]

    failures = 0
    for scan in (lambda: run(alone), lambda: vmap(run)(population)):
        with torch.no_grad():
            wanted = scan()
            for more in range(STEP, MOST, STEP):
                resource.setrlimit(resource.RLIMIT_AS, (size() + more, resource.RLIM_INFINITY))
                try:
                    assert torch.equal(scan(), wanted)
                except MemoryError:  # of the core
                    failures += 1
                except RuntimeError as error:  # of torch
                    if "allocate memory" not in str(error):
                        raise
                finally:
                    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                assert torch.equal(scan(), wanted)
    print(failures)


def size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
