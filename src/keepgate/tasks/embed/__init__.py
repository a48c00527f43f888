"""A vector for each sequence, learned without labels, and what is out of the ordinary in series."""
