"""Policies that learn by acting: recurrent networks in environments, by gradients of what they gained.

What acts is a stream of the core, a step in microseconds; what learns is a pass over whole sequences, in which the core
resets the states where episodes begin. The environments are rows that are stepped together, such as
`keepgate.data.environments.Environments`; an algorithm is one file with its loss.
"""

from keepgate.training.policy.episodes import Episodes, run_episodes
from keepgate.training.policy.learner import Learner, Plan
from keepgate.training.policy.update import METHODS

__all__ = ["METHODS", "Episodes", "Learner", "Plan", "run_episodes"]
