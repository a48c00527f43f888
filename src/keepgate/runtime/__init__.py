"""Networks run without torch: on NumPy arrays, their recurrences on the native core."""

from keepgate.runtime.policy import Policy
from keepgate.runtime.run import Runner
from keepgate.runtime.stream import Stream

__all__ = ["Policy", "Runner", "Stream"]
