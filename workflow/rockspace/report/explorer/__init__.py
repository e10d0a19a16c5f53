"""The explorer: one page on which people's space and the models' can be walked through."""
