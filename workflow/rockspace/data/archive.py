"""The archive: a folder with the files that the splits need, downloaded, copied or drawn, and its manifest."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rockspace.artifacts import link_or_copy, replacing
from rockspace.data import directory, osf
from rockspace.data.manifest import Entry, describe, write_manifest
from rockspace.data.names import place
from rockspace.data.patterns import wanted_patterns
from rockspace.data.web import PATIENCE, Patience
from rockspace.errors import RockspaceError


def fetch(
    dataset: Mapping[str, Any],
    raw: Path,
    manifest: Path,
    *,
    workers: int = 1,
    patience: Patience = PATIENCE,
) -> None:
    """Make ``raw`` and ``manifest`` from the configured source; both appear only when all files are complete.

    Downloaded files are kept in ``.{raw}.store`` beside ``raw``: after an interruption, or when ``raw`` was
    deleted, only what is missing or wrong is fetched.

    Args:
        dataset: the ``dataset`` section of the config.
        raw: folder for the archive's files; an older one is replaced.
        manifest: file for their description.
        workers: processes that draw the embedded dataset.
        patience: time-outs and retries of a download.

    Raises:
        RockspaceError: something could not be downloaded, in one line.
    """
    patterns = wanted_patterns(dataset["splits"])
    check_source(dataset, raw)
    try:
        manifest.unlink(missing_ok=True)
        with replacing(raw) as partial:
            partial.mkdir()
            match dataset["source"]:
                case "osf":
                    store = raw.with_name(f".{raw.name}.store")
                    entries = _from_osf(dataset["osf"], patterns, store, partial, patience)
                case "directory":
                    entries = directory.take(Path(dataset["directory"]), patterns, partial)
                case _:
                    entries = _drawn(dataset, patterns, partial, workers)
        write_manifest(manifest, entries)
    except OSError as error:
        raise RockspaceError(
            f"{error.filename or raw}: the archive cannot be stored: {error.strerror or error}; fix that and run again"
        ) from error


def source_files(dataset: Mapping[str, Any]) -> dict[str, Path] | None:
    """Return the user's own files that an archive is made from, by their path in it.

    Args:
        dataset: the ``dataset`` section of the config.

    Returns:
        None if the local folder does not exist; nothing for other sources.

    Raises:
        RockspaceError: a pattern matches nothing in the folder.
    """
    if dataset["source"] != "directory":
        return {}
    folder = Path(dataset["directory"])
    return directory.list_folder(folder, wanted_patterns(dataset["splits"])) if os.path.isdir(folder) else None


def check_source(dataset: Mapping[str, Any], raw: Path) -> None:
    """Refuse a local folder in ``raw``, which is about to be replaced.

    Raises:
        RockspaceError: ``dataset.directory`` is ``raw`` or lies in it.
    """
    if dataset["source"] != "directory":
        return
    source = Path(dataset["directory"]).resolve()
    if source.is_relative_to(raw.resolve()):
        raise RockspaceError(
            f"dataset.directory: {dataset['directory']} lies in {raw}, which this workflow replaces; "
            "move the copy of the archive elsewhere"
        )


def _from_osf(
    settings: Mapping[str, str], patterns: Sequence[str], store: Path, folder: Path, patience: Patience
) -> list[Entry]:
    entries = osf.download(settings["api"], settings["node"], patterns, store, patience=patience)
    for entry in entries:
        link_or_copy(store / entry.path, place(folder, entry.path))
    return entries


def _drawn(dataset: Mapping[str, Any], patterns: Sequence[str], folder: Path, workers: int) -> list[Entry]:
    # Needs SciPy and Pillow, which a download does without.
    from rockspace.data.synthetic import draw_archive

    photographs = any("images" in files for files in dataset["splits"].values())
    draw_archive(folder, **dataset["synthetic"], photographs=photographs, workers=workers)
    wanted = directory.list_folder(folder, patterns)
    for file in {path for path in folder.rglob("*") if path.is_file()} - set(wanted.values()):
        file.unlink()
    return [describe(file, path) for path, file in wanted.items()]
