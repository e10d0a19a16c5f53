"""A fingerprint of the code that a stage runs: its script and what it imports of this library.

It is taken over the syntax trees without docstrings, so that comments, layout and the age of files change nothing.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

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
    files, waiting = set(), [script]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += _imported(file)
    digests = sorted(("" if file == script else _name(file), _digest(file)) for file in files)
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes())


@cache
def _digest(file: Path) -> str:
    digest = hashlib.sha256(repr(_plain(_tree(file))).encode())
    if any(isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(_tree(file))):
        for data in _data_files(file.parent):
            digest.update(_name(data).encode() + hashlib.sha256(data.read_bytes()).digest())
    return digest.hexdigest()


def _plain(node: object) -> object:
    """A syntax tree as nested tuples, without places, docstrings and what is empty: the same in each version of Python."""
    if isinstance(node, list):
        return tuple(_plain(item) for item in node)
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    has_docstring = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if has_docstring and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    kept = ((name, _plain(value)) for name, value in fields.items() if value is not None and value != [])
    return (type(node).__name__, *kept)


@cache
def _imported(file: Path) -> tuple[Path, ...]:
    """The modules of the library that a file imports itself."""
    modules = (module for node in ast.walk(_tree(file)) for module in _named(node, file))
    return tuple(path for module in dict.fromkeys(modules) if (path := _file_of(module)) is not None)


def _named(node: ast.AST, file: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
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
