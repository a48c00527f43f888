"""Words that may come next, or that a word may become, while it is typed."""
