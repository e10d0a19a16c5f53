"""People's choices of a category, explained from a space by an generalized context model."""
