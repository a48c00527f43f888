"""Language models: what a text goes on with, unit by unit."""
