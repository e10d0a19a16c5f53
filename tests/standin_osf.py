"""A stand-in for the Open Science Framework on loopback, with any folder behind it and faults on request.

Usage::

    python tests/standin_osf.py FOLDER [--port 8765] [--node d6b9y] [--faults all | KIND ...] [--latency S]

It prints the address to put into the config as ``dataset.osf.api`` and serves until it is interrupted.
Listings are pages of ten (``page[size]`` up to 100), folders have addresses of their own, and a download
link redirects to a second host, as with OSF itself. Each fault of ``--faults`` happens once, to a file of its
own and, for the faults of the API, to the first listing too; ``all`` is each of these. ``traversal`` lists a
name that leads out of the archive, for good.

In tests, ``StandIn`` is a context manager; its ``log`` says what was asked for, and with which headers.
"""

import argparse
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from standin_osf_answers import ROOT, ApiHandler, Server, StorageHandler

API_FAULTS = ("429", "503", "api-cut", "not-json")  # happen to listings and download links
STORAGE_FAULTS = ("truncated", "checksum", "hang", "cut", "storage-503", "no-rest", "part")  # happen to contents
FAULTS = ("429", "503", *STORAGE_FAULTS[:-2])  # those that a patient client survives anywhere
TRAVERSAL = "../escaped.jpg"


@dataclass
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: one of ``API_FAULTS`` or ``STORAGE_FAULTS``.
        at: archive path of the file, or of the folder whose listing is meant.
        times: how many requests go wrong before one is answered well.
    """

    kind: str
    at: str
    times: int = 1


@dataclass(frozen=True)
class Request:
    """What was asked for; ``kind`` is ``listing``, ``link`` (redirects) or ``content`` (second host)."""

    kind: str
    path: str
    query: dict[str, list[str]]
    headers: Message


@dataclass
class StandIn:
    """Two servers that answer as OSF's API and its storage do.

    Attributes:
        folder: what the node holds.
        node: the node's identifier.
        faults: what goes wrong; each is used up in order.
        alien_names: names that the top listing has besides the files.
        retry_after: the header of a 429.
        hashes: which checksums a listing holds.
        latency_s: seconds before content is sent.
        kind: ``nodes``, or ``registrations``.
        components: identifiers of the node's components.
        providers: other storage that the node has.
        odd: by the name of a file in the top folder, what its entry says otherwise.
        next_page: what the top listing says of a further page.
    """

    folder: Path
    node: str = "d6b9y"
    faults: list[Fault] = field(default_factory=list)
    alien_names: tuple[str, ...] = ()
    retry_after: str = "1"
    hashes: tuple[str, ...] = ("md5", "sha256")
    latency_s: float = 0.0
    kind: str = "nodes"
    components: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    odd: dict[str, dict] = field(default_factory=dict)
    next_page: object = None
    port: int = 0
    log: list[Request] = field(default_factory=list)
    most_at_once: int = 0

    def __enter__(self) -> "StandIn":
        self._lock, self._open, self._closing = threading.Lock(), 0, threading.Event()
        self._servers = [
            Server(("127.0.0.1", self.port), ApiHandler, self),
            Server(("127.0.0.1", 0), StorageHandler, self),
        ]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def api(self) -> str:
        """Value for ``dataset.osf.api``."""
        return f"http://127.0.0.1:{self._servers[0].server_port}/v2"

    @property
    def storage(self) -> str:
        """The second host: by another name and on another port."""
        return f"http://localhost:{self._servers[1].server_port}"

    def asked(self, kind: str) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(request.path for request in self.log if request.kind == kind)

    def headers(self, kind: str) -> list[Message]:
        """The headers of each request of a kind."""
        return [request.headers for request in self.log if request.kind == kind]

    def children(self, path: str) -> list[tuple[str, Path | None]]:
        """Name and file of each entry of a folder; those without a file are only listed."""
        entries = sorted((self.folder / path).iterdir())
        aliens = self.alien_names if path == ROOT else ()
        return [(file.name, file) for file in entries] + [(name, None) for name in aliens]

    def note(self, kind: str, path: str, query: dict[str, list[str]], headers: Message) -> str | None:
        """Log a request; the kind of the fault that befalls it, if one does."""
        kinds = STORAGE_FAULTS if kind == "content" else API_FAULTS
        with self._lock:
            self.log.append(Request(kind, path, query, headers))
            for fault in self.faults:
                if fault.at == path and fault.kind in kinds and fault.times > 0:
                    fault.times -= 1
                    return fault.kind
        return None

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count the contents that are being sent at the same time."""
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        time.sleep(self.latency_s)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def hang(self) -> None:
        """Wait until the stand-in is closed."""
        self._closing.wait()


def every_fault(folder: Path, kinds: Sequence[str] = FAULTS) -> list[Fault]:
    """One fault of each kind, at a file of its own if there are enough; the API's at the top listing too."""
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    stride = max(1, len(files) // max(1, len(kinds)))
    faults = [Fault(kind, files[stride * number % len(files)]) for number, kind in enumerate(kinds)]
    return faults + [Fault(kind, ROOT) for kind in kinds if kind in API_FAULTS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what the node holds")
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 takes a free one")
    parser.add_argument("--node", default="d6b9y", help="identifier of the node")
    allowed = (*FAULTS, "traversal", "all")
    parser.add_argument("--faults", nargs="+", default=[], choices=allowed, help="what goes wrong")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before content is sent")
    options = parser.parse_args()
    kinds = FAULTS if "all" in options.faults else [kind for kind in options.faults if kind in FAULTS]
    faults = every_fault(options.folder, kinds)
    aliens = (TRAVERSAL,) if "traversal" in options.faults else ()
    with StandIn(options.folder, options.node, faults, aliens, latency_s=options.latency, port=options.port) as standin:
        print(standin.api, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"\n{len(standin.log)} requests")


if __name__ == "__main__":
    main()
