"""A fingerprint of the code that a stage runs: its script and what it imports of this library.

It is taken over the syntax trees without docstrings, so that comments, layout and the age of files change nothing.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parent


@cache
def code_fingerprint(script: Path) -> str:
    """Return a hash of a script, of the library's modules that it imports, and of those that these import.

    Imports count wherever they stand. Where a module names its own place (``__file__``), the data files of its package
    count too: templates, scripts of pages, tables.

    Args:
        script: Python file.

    Returns:
        16 hexadecimal digits.
    """
    files: dict[Path, str] = {}
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files[file], imported = _read(file)
            waiting += imported
    digests = sorted(("" if file == script else _name(file), digest) for file, digest in files.items())
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


@cache
def _read(file: Path) -> tuple[str, list[Path]]:
    """The digest of a file, and the modules of the library that it imports itself."""
    tree = _Tree(file)
    digest = hashlib.sha256("\n".join(tree.words).encode())
    if tree.names_its_place:
        for data in _data_files(file.parent):
            digest.update(_name(data).encode() + hashlib.sha256(data.read_bytes()).digest())
    return digest.hexdigest(), [path for module in tree.imports if (path := _file_of(module)) is not None]


class _Tree:
    """What a syntax tree says, collected in one pass over it.

    Attributes:
        words: The tree without places, docstrings and what is empty: the same in each version of Python.
        imports: Names of the modules that it imports.
        names_its_place: Whether it uses ``__file__``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.words: list[str] = []
        self.imports: list[str] = []
        self.names_its_place = False
        self._visit(ast.parse(file.read_bytes()))

    def _visit(self, node: ast.AST) -> None:
        words = self.words
        words.append(type(node).__name__)
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports += _named(node, self.file)
        self.names_its_place |= isinstance(node, ast.Name) and node.id == "__file__"
        for name in node._fields:
            value: Any = getattr(node, name, None)
            if (
                name == "body"
                and isinstance(node, _WITH_DOCSTRING)
                and ast.get_docstring(node, clean=False) is not None
            ):
                value = value[1:]
            if isinstance(value, ast.AST):
                words.append(name)
                self._visit(value)
            elif isinstance(value, list):
                for item in value:
                    words.append(name)
                    self._visit(item) if isinstance(item, ast.AST) else words.append(repr(item))
            elif value is not None or name == "value":
                words.append(f"{name}={value!r}")
        words.append(".")


_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _named(node: ast.Import | ast.ImportFrom, file: Path) -> Iterator[str]:
    """The names of the modules that an import statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    module = node.module or ""
    if node.level:
        package = file.parents[node.level - 1].relative_to(LIBRARY.parent).parts
        module = ".".join([*package, *filter(None, [module])])
    submodules = [f"{module}.{alias.name}" for alias in node.names]
    # `from package import module` does not ask for anything that the package itself holds.
    found = [_file_of(name) is not None for name in submodules]
    yield from (name for name, is_module in zip(submodules, found, strict=True) if is_module)
    if not all(found):
        yield module


def _file_of(module: str) -> Path | None:
    top, *parts = module.split(".")
    if top != LIBRARY.name:
        return None
    path = LIBRARY.joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _data_files(package: Path) -> Iterator[Path]:
    """What lies in a package, and in its folders that are no packages, beside Python."""
    for path in sorted(package.iterdir()):
        if path.is_file() and path.suffix not in (".py", ".pyi", ".pyc"):
            yield path
        elif path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from _data_files(path)


def _name(file: Path) -> str:
    return file.relative_to(LIBRARY).as_posix()
