"""keepgate beside other implementations: `python -m benchmarks` measures, and writes the table and the plot."""
