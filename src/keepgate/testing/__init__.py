"""What a cell is tested with: its program run in NumPy, as plainly as can be."""
