"""The public name of the population of networks."""

from __future__ import annotations

import subprocess
import sys

import keepgate
from keepgate import native, population


def test_it_is_the_population_of_the_core():
    assert population.Population is native.Population
    assert keepgate.population is population


def test_it_needs_no_torch():
    code = "import sys, keepgate; keepgate.population.Population; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
