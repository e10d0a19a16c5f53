"""Reading a PyTorch checkpoint of the old format (before 1.6) without PyTorch.

Such a file is a series of pickles, followed by the raw numbers. A pickle may name any function to be called
while it is read; here only the four names are let through that a plain table of tensors needs, and none of
them is the real thing.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from rockspace.errors import RockspaceError

# Constants of torch.serialization's legacy format.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

_STORAGE_DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensor(NamedTuple):
    """Where a tensor lies; offset, size and stride count elements."""

    storage: tuple[str, str]
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _TensorTableUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: _Tensor(storage, offset, size, stride)
        if module == "torch" and name in _STORAGE_DTYPES:
            return name
        raise pickle.UnpicklingError(f"it refers to {module}.{name}, which a table of weights does not need")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, storage_type, key = pid[:3]
        if kind != "storage" or storage_type not in _STORAGE_DTYPES:
            raise pickle.UnpicklingError(f"it holds a {kind!r} of an unknown type")
        return str(storage_type), str(key)


def read_torch_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Read a table of tensors.

    Args:
        path: a file written by ``torch.save(module.state_dict(), path)`` in the legacy format.

    Returns:
        Contiguous arrays by name, float32 or int64.

    Raises:
        RockspaceError: the file is cut off, of another format, or asks for code to be run.
    """
    try:
        with Path(path).open("rb") as file:
            if _read(file) != MAGIC_NUMBER or _read(file) != PROTOCOL_VERSION:
                raise pickle.UnpicklingError("it is no PyTorch checkpoint of the legacy format")
            if not _read(file)["little_endian"]:
                raise pickle.UnpicklingError("its numbers are big-endian")
            table = _read(file)
            keys = _read(file)
            types = {tensor.storage[1]: tensor.storage[0] for tensor in table.values()}
            storages = {key: _read_storage(file, types[key]) for key in keys}
        return {name: _view(storages[tensor.storage[1]], tensor) for name, tensor in table.items()}
    except (pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RockspaceError(f"{path}: weights can't be read: {error}") from error


def _read(file: BinaryIO) -> Any:
    return _TensorTableUnpickler(file).load()


def _read_storage(file: BinaryIO, storage_type: str) -> np.ndarray:
    dtype = _STORAGE_DTYPES[storage_type]
    count = int(np.frombuffer(_exactly(file, 8), "<i8")[0])
    return np.frombuffer(_exactly(file, count * dtype.itemsize), dtype)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size) if size >= 0 else b""
    if len(content) != size:
        raise EOFError("it is cut off")
    return content


def _view(storage: np.ndarray, tensor: _Tensor) -> np.ndarray:
    last = sum((size - 1) * stride for size, stride in zip(tensor.size, tensor.stride, strict=True))
    if tensor.offset < 0 or min(tensor.stride, default=0) < 0 or tensor.offset + last >= len(storage):
        raise ValueError("a tensor lies outside its numbers")
    strides = [stride * storage.itemsize for stride in tensor.stride]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.size, strides)
    return np.ascontiguousarray(view).reshape(tensor.size)
