"""A cell over time, on the engine that can run it fastest; a named engine that cannot says why."""

from keepgate.scan.arguments import Arguments, Result
from keepgate.scan.engines import ENGINES, engines, scan

__all__ = ["ENGINES", "Arguments", "Result", "engines", "scan"]
