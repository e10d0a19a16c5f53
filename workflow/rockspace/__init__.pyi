from .alignment.layer_report import layer_report
from .alignment.procrustes import Procrustes
from .alignment.rotation_report import Settings
from .alignment.rsa import rsa
from .alignment.similarity import debiased_cka, linear_cka
from .alignment.spaces import Spaces, read_spaces
from .errors import RockspaceError
from .inference.embeddings import Embeddings
from .networks.folding import fold
from .networks.loading import load_classifier

__version__: str
__all__ = [
    "Embeddings",
    "Procrustes",
    "RockspaceError",
    "Settings",
    "Spaces",
    "debiased_cka",
    "fold",
    "layer_report",
    "linear_cka",
    "load_classifier",
    "read_spaces",
    "rsa",
]
