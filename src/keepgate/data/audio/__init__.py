"""Recordings of sound: their samples, read from files or live, and log-mel features."""
