"""Recipes compared by cross-validation inside the training images."""
