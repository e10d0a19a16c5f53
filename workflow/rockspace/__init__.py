"""Rockspace: from photographs to psychological space.

`rockspace.__all__` is the public interface, declared in `__init__.pyi`. Its names are imported on first use, so that
`import rockspace` is quick. Everything else serves the workflow and may change with any version.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
