"""Pen strokes: their files, and points at equal distances along them."""
