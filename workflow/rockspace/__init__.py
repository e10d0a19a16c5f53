"""Rockspace: from photographs to psychological space.

The subpackages follow the flow of the data, and imports only point upstream:
``data`` -> ``training`` -> ``analysis`` -> ``report``.
"""

__version__ = "0.1.0"
