"""Evolino: cells that are evolved, outputs that are solved."""
