"""One class for each sequence."""
