"""A tag for each token of a sentence, or for each frame of a sequence."""
