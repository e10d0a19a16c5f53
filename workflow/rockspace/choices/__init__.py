"""People's choices of a category, explained from a space by the generalized context model."""
