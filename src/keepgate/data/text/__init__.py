"""Texts: sentences with tags, pairs of sentences, and the units of a text."""
