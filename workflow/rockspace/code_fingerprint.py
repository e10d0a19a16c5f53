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
    digest = hashlib.sha256("\n".join(_words(_tree(file), [])).encode())
    if any(isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(_tree(file))):
        for data in _data_files(file.parent):
            digest.update(_name(data).encode() + hashlib.sha256(data.read_bytes()).digest())
    return digest.hexdigest()


def _words(node: ast.AST, words: list[str]) -> list[str]:
    """A syntax tree as words, without places, docstrings and what is empty: the same in each version of Python."""
    words.append(type(node).__name__)
    body: Any = getattr(node, "body", None)
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if value is body and isinstance(node, _WITH_DOCSTRING) and _is_text(value[:1]):
            value = value[1:]
        if isinstance(value, ast.AST):
            words.append(name)
            _words(value, words)
        elif isinstance(value, list):
            for item in value:
                words.append(name)
                _words(item, words) if isinstance(item, ast.AST) else words.append(repr(item))
        elif value is not None or name == "value":
            words.append(f"{name}={value!r}")
    words.append(".")
    return words


_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_text(statements: list[ast.stmt]) -> bool:
    """Whether the first statement is a text, which is a docstring there."""
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        for statement in statements
    )


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
