"""One, two and three processes, local ones and torchrun's, find the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.store import read_model
from keepgate.training.evolution import SNES, evolve
from training.evolution import searches
from training.evolution.searches import run

SCRIPT = searches.__file__


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SNES", "CoSyNE", "CMAES"])
def test_local_processes_change_no_bit(name, tmp_path):
    for count in (1, 2, 3):
        run(SCRIPT, tmp_path / str(count), name, count)
    found = [read_model(tmp_path / str(count) / "found") for count in (1, 2, 3)]
    for config, arrays in found[1:]:
        assert config == found[0][0]
        assert all(arrays[key].tobytes() == found[0][1][key].tobytes() for key in arrays | found[0][1])


@pytest.mark.slow
def test_torchrun_changes_no_bit(tmp_path):
    run(SCRIPT, tmp_path / "1", "OpenAIES")
    for count in (2, 3):
        launch = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}")
        run(*launch, SCRIPT, tmp_path / str(count), "OpenAIES")
    found = [read_model(tmp_path / str(count) / "found") for count in (1, 2, 3)]
    for config, arrays in found[1:]:
        assert config == found[0][0]
        assert all(arrays[key].tobytes() == found[0][1][key].tobytes() for key in arrays | found[0][1])


def test_what_cannot_be_sent_to_another_process_is_named():
    with pytest.raises(InputError, match="processes=2 needs a fitness that can be sent to another process"):
        evolve(SNES(np.zeros(3)), lambda population, generation: population.sum(1), 3, processes=2)


@pytest.mark.parametrize("processes", [0, 1.5, True, 5000])
def test_what_is_no_number_of_processes_is_named(processes):
    with pytest.raises(InputError, match="is no whole number from 1 to 1024"):
        evolve(SNES(np.zeros(3)), lambda population, generation: population.sum(1), 3, processes=processes)
