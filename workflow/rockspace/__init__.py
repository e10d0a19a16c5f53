"""Rockspace: from photographs to psychological space."""

__version__ = "0.1.0"
