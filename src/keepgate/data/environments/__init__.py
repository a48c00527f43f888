"""Environments to act in: the one room that knows gymnasium."""

from keepgate.data.environments.making import Source, named, source_of
from keepgate.data.environments.rows import Environments, Moved
from keepgate.data.environments.spaces import Observations, given_to

__all__ = ["Environments", "Moved", "Observations", "Source", "given_to", "named", "source_of"]
