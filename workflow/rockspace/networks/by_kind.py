"""The modules that know the networks of each kind: see `rockspace.network_kinds.Kind.module`."""

from pathlib import Path
from types import ModuleType

from rockspace.network_kinds import kind_of
from rockspace.networks import backbones, hub, keras_file, onnx_file, weights

MODULES = {module.__name__.rpartition(".")[2]: module for module in (backbones, hub, keras_file, onnx_file)}


def module_of(backbone: str) -> ModuleType:
    """Return the module that knows a backbone."""
    return MODULES[kind_of(backbone).module or ""]


def fetch(backbone: str, destination: Path) -> None:
    """Write the weights that a backbone comes with to ``destination``."""
    (hub if module_of(backbone) is hub else weights).fetch(backbone, destination)
