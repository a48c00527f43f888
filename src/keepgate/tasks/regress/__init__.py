"""Regression of sequences: a number, or several, for each."""
