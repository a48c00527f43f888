"""Lists of recordings with what is said in them, or which segments they have."""
