"""The Open Science Framework: listing and downloading the files of a node."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from rockspace.artifacts import to_disk
from rockspace.data.manifest import Entry, describe
from rockspace.data.names import place, shown
from rockspace.data.patterns import Child, MissingError, find
from rockspace.data.web import (
    PATIENCE,
    BearerToken,
    Client,
    Expected,
    Patience,
    RefusedError,
    UnreachableError,
    public,
)
from rockspace.errors import RockspaceError, listed

TOKEN_VARIABLE = "OSF_TOKEN"
PAGE_SIZE = 100  # the most that the API gives on one page
MAX_PAGES = 1000  # of one folder: 100,000 files
LISTING_S = 3  # from which the pages of a listing are counted on the terminal
TRANSFERS = 6  # simultaneous downloads: enough to hide the redirects, few enough to be polite
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TOKENS_PAGE = "https://osf.io/settings/tokens"

_PRIVATE = f"a private node needs a personal token in the environment variable {TOKEN_VARIABLE} (made at {TOKENS_PAGE})"
_WITHOUT_TOKEN = {
    401: _PRIVATE,
    403: _PRIVATE,
    429: (
        f"without a token OSF allows about 100 requests an hour: make one at {TOKENS_PAGE}, set {TOKEN_VARIABLE} and "
        "run again, or wait"
    ),
}
_WITH_TOKEN = {
    401: f"OSF does not accept the token in {TOKEN_VARIABLE}: make a new one at {TOKENS_PAGE}, or unset it",
    403: f"the account of the token in {TOKEN_VARIABLE} may not read it: ask its owner for access",
    429: "OSF has a daily limit for an account; wait, or use another token",
}
_ADVICE = {404: "check dataset.osf.node", 410: "it has been deleted"}


@dataclass(frozen=True)
class PublishedFile:
    """A file of the archive as the API describes it."""

    url: str
    expected: Expected


def list_files(client: Client, api: str, node: str, patterns: Sequence[str]) -> dict[str, PublishedFile]:
    """List the files of a node that ``patterns`` match; only folders that may contain one are listed.

    Args:
        client: for requests to the API.
        api: address of the API, such as ``https://api.osf.io/v2``.
        node: identifier of the node, such as ``d6b9y``.
        patterns: globs relative to the node's storage, such as ``360 Rocks/*.jpg``.

    Returns:
        The files by path, sorted.

    Raises:
        RockspaceError: the API is unreachable, its response is invalid, a matching name would lead out of
            the archive, or a pattern matches nothing.
    """
    where, api = f"OSF node {node!r}", api.rstrip("/")

    def items_of(address: str) -> dict[str, Mapping[str, Any]]:
        root: Any = f"{address}/files/osfstorage/"
        try:
            with tqdm(desc="listing", unit=" pages", delay=LISTING_S, leave=False) as bar:
                return find(root, lambda url: _children(client, url, where, bar.update), patterns, where)
        except MissingError as error:
            raise RockspaceError(f"{error}{_elsewhere(client, address)}") from error

    try:
        items = items_of(f"{api}/nodes/{node}")
    except RefusedError as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        try:  # A registration, which is a frozen copy of a node, has an address of another kind.
            items = items_of(f"{api}/registrations/{node}")
        except RefusedError:
            raise refused from None
    return {path: _published(path, item, where) for path, item in items.items()}


def download(
    api: str,
    node: str,
    patterns: Sequence[str],
    folder: Path,
    *,
    patience: Patience = PATIENCE,
    transfers: int = TRANSFERS,
) -> list[Entry]:
    """Download the files that ``patterns`` match into ``folder``, except those that are already complete there.

    A file appears in ``folder`` once it is complete and verified. A token in the environment variable
    ``OSF_TOKEN`` is sent to OSF only.

    Args:
        api: as for ``list_files``.
        node: as for ``list_files``.
        patterns: as for ``list_files``.
        folder: keeps complete files between runs; created if missing.
        patience: time-outs and retries.
        transfers: number of simultaneous downloads, 1 or more.

    Returns:
        The entry of each file, sorted by path.

    Raises:
        RockspaceError: a file could not be downloaded; complete files stay in ``folder``.
    """
    token = _token(api)
    advice = _ADVICE | (_WITH_TOKEN if token else _WITHOUT_TOKEN)
    with Client(BearerToken(token, api), patience, connections=transfers, advice=advice) as client:
        try:
            files = list_files(client, api, node, patterns)
        except UnreachableError as error:
            raise UnreachableError(
                f"{error}: put a local copy of the archive into a folder and set `dataset: "
                "{source: directory, directory: path/to/folder}`, or use `--configfile config/demo.yaml`, "
                "which needs no network"
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        partials = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partials, ignore_errors=True)  # of an interrupted run
        partials.mkdir()
        try:
            return _fetch_all(client, files, folder, partials, transfers)
        finally:
            shutil.rmtree(partials)


def _fetch_all(
    client: Client, files: Mapping[str, PublishedFile], folder: Path, partials: Path, transfers: int
) -> list[Entry]:
    entries = []
    sizes = [file.expected.size for file in files.values()]
    bar = tqdm(
        total=None if None in sizes else sum(filter(None, sizes)),
        desc="downloading",
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
    )

    def on_bytes(count: int) -> None:
        with bar.get_lock():
            bar.update(count)

    # Leaving the pool waits for its threads, and closing the client ends what they wait for.
    with logging_redirect_tqdm([logging.getLogger("rockspace")]), bar, ThreadPoolExecutor(transfers) as pool:
        try:
            jobs = [
                pool.submit(_download_file, client, path, file, folder, partials / str(number), on_bytes)
                for number, (path, file) in enumerate(files.items())
            ]
            for job in as_completed(jobs):
                entries.append(job.result())
                bar.set_postfix_str(f"{len(entries)}/{len(files)} files", refresh=False)
        except BaseException:
            client.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(entries)


def _download_file(
    client: Client,
    path: str,
    file: PublishedFile,
    folder: Path,
    partial: Path,
    on_bytes: Callable[[int], None],
) -> Entry:
    target = place(folder, path)
    if target.is_file():
        entry = describe(target, path, public(file.url))
        if file.expected.fault(entry) is None:
            on_bytes(entry.size)
            return entry
    entry = client.save(file.url, path, partial, file.expected, on_bytes)
    to_disk(partial)
    os.replace(partial, target)
    return entry


def _children(client: Client, listing: str, where: str, on_page: Callable[[], object]) -> Iterator[Child]:
    """The entries of a folder, page by page.

    The item of a folder is the address of its listing, that of a file is what the API says of it.
    """
    url: str | None = listing
    params: dict[str, int] | None = {"page[size]": PAGE_SIZE}
    asked: set[str] = set()
    while url:
        shown_url = public(url)
        if url in asked or len(asked) == MAX_PAGES:
            raise RockspaceError(f"{shown_url}: the pages of this listing never end")
        asked.add(url)
        page = client.json(url, params)
        on_page()
        try:
            children = [_child(item) for item in page["data"]]
            following = page["links"]["next"]
            if not isinstance(following, str | None):
                raise TypeError(f"a next page that is no address: {following!r}")
            url, params = following and urljoin(url, following), None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RockspaceError(
                f"{shown_url} does not list files as OSF does, for {where}: check dataset.osf"
            ) from error
        yield from children


def _child(item: Mapping[str, Any]) -> Child:
    name, kind = item["attributes"]["name"], item["attributes"]["kind"]
    if not isinstance(name, str):
        raise TypeError(f"a name that is no text: {name!r}")
    if kind == "folder":
        address = item["relationships"]["files"]["links"]["related"]["href"]
        if not isinstance(address, str):
            raise TypeError(f"an address that is no text: {address!r}")
        return Child(name, True, address)
    return Child(name, False, item)


def _published(path: str, item: Mapping[str, Any], where: str) -> PublishedFile:
    try:
        attributes = item["attributes"]
        hashes = (attributes.get("extra") or {}).get("hashes") or {}
        size = attributes.get("size")
        if size is not None and not str(size).isdecimal():
            raise ValueError("no size")
        expected = Expected(None if size is None else int(size), _digest(hashes, "md5"), _digest(hashes, "sha256"))
        url = item["links"]["download"]
        if not isinstance(url, str):
            raise TypeError("no link")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RockspaceError(
            f"{where} lists {path!r} without a link to download it or with a size or checksum that is none: upload "
            "the file there again, or narrow the pattern that names it"
        ) from error
    return PublishedFile(url, expected)


def _digest(hashes: Mapping[str, str], kind: str) -> str | None:
    if not hashes.get(kind):
        return None
    digest = bytes.fromhex(hashes[kind])
    if len(digest) != hashlib.new(kind, usedforsecurity=False).digest_size:
        raise ValueError("no checksum")
    return digest.hex()


def _elsewhere(client: Client, address: str) -> str:
    """A hint at where else a node keeps files: in components, which are nodes of their own, or with other providers."""
    try:
        components = [item["id"] for item in client.json(f"{address}/children/", {"page[size]": PAGE_SIZE})["data"]]
        providers = [item["attributes"]["name"] for item in client.json(f"{address}/files/")["data"]]
        others = [name for name in providers if name != "osfstorage"]
        hint = ""
        if components:
            hint += (
                f"; it has components, whose files are asked for by dataset.osf.node: {listed(map(shown, components))}"
            )
        if others:
            hint += f"; files kept with {listed(map(shown, others))} are not in OSF's own storage: copy them there, or into a folder"
        return hint
    except (RockspaceError, KeyError, TypeError):
        return ""


def _token(api: str) -> str | None:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return None
    if not token.isascii() or not token.isprintable() or " " in token:
        raise RockspaceError(f"{TOKEN_VARIABLE} is not a token: it holds characters that no token has")
    parts = urlsplit(api)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise RockspaceError(f"dataset.osf.api: {api} would carry {TOKEN_VARIABLE} unencrypted; use https or unset it")
    return token
