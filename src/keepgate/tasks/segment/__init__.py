"""Labelled stretches of time in recordings."""
