"""The text of recordings and of handwriting."""
