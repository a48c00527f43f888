"""Tools to test cells with: a program run in NumPy, step by step."""
