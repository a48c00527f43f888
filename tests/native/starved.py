"""Let memory run out amid scans, again and again: each ends with an error or the right numbers, and so does the next.

Each scan has more rows than those before, so that none of their memory fits. Prints how many of them ended with the
core's own error.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from keepgate.nn import LSTM

ROWS = [int(1024 * 1.5**i) for i in range(10)]
BYTES = (0, 250, 500, 1000, 1500, 2000, 2500, 3000, 4000)  # that a scan may take for each row, in turn


def main() -> None:
    torch.set_num_threads(1)
    os.environ["KEEPGATE_THREADS"] = "2"
    torch.manual_seed(0)
    x = torch.randn(1, ROWS[-1], 8)
    layer = LSTM(8, 128, backend="native")
    alone = {name: value.detach() for name, value in layer.named_parameters()}
    population = {name: torch.stack([value, -value, value]) for name, value in alone.items()}

    def run(parameters: dict[str, Tensor], rows: int) -> Tensor:
        return functional_call(layer, parameters, (x[:, :rows],))[0]

    with torch.no_grad():
        one = failures(lambda rows: run(alone, rows))
        many = failures(lambda rows: vmap(lambda parameters: run(parameters, rows))(population))
    print(one + many)


def failures(scan: Callable[[int], Tensor]) -> int:
    """Return how often the core ran out of memory."""
    count, first = 0, scan(ROWS[0])
    for rows, more in zip(ROWS[1:], BYTES, strict=True):
        resource.setrlimit(resource.RLIMIT_AS, (size() + rows * more, resource.RLIM_INFINITY))
        try:
            found = scan(rows)
        except MemoryError:  # of the core
            count += 1
            found = None
        except RuntimeError as error:  # of torch
            if "allocate memory" not in str(error):
                raise
            found = None
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wanted = scan(rows)
        assert found is None or torch.equal(found, wanted)
        assert torch.equal(wanted[..., : ROWS[0], :], first)
    return count


def size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    main()
