"""keepgate: long short-term memory for Python; a recurrent cell is written once, as its equations."""

from __future__ import annotations

__version__ = "0.1.0"
