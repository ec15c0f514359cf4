"""Search a photo collection by meaning: words, a picture, or both."""
