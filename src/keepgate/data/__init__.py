"""Data: tables and sequence files to checked arrays."""
