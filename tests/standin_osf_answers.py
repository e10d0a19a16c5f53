"""What the stand-in for OSF answers: the API's listings and redirects, and the storage's contents."""

import hashlib
import json
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from standin_osf import StandIn

DEFAULT_PAGE, LARGEST_PAGE = 10, 100
ROOT = ""  # the archive path of the top folder's listing


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type, standin: "StandIn") -> None:
        self.standin = standin
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave in the middle: that is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer waits for the other side to acknowledge its head
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: ``StandIn.log`` keeps the requests."""

    def begin(self, kind: str, path: str) -> str | None:
        query = parse_qs(urlsplit(self.path).query)
        return self.server.standin.note(kind, path, query, self.headers)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        self.close_connection = True


class ApiHandler(_Handler):
    def do_GET(self) -> None:
        standin, address = self.server.standin, urlsplit(self.path).path
        node = f"/v2/{standin.kind}/{standin.node}"
        listings = f"{node}/files/osfstorage/"
        if address == f"{node}/children/":
            return self._say({"data": [{"id": name, "type": "nodes"} for name in standin.components]})
        if address == f"{node}/files/":
            names = ("osfstorage", *standin.providers)
            return self._say({"data": [{"attributes": {"name": name}} for name in names]})
        if address.startswith(listings):
            path = _path(standin, address.removeprefix(listings))
            kind, answer = "listing", self._list
        elif address.startswith("/download/"):
            path = _path(standin, address.removeprefix("/download/"))
            kind, answer = "link", self._redirect
        else:
            path = None
        if path is None:
            return self.answer(404, b'{"errors": [{"detail": "Not found."}]}')
        match self.begin(kind, path):
            case "429":
                self.answer(429, Retry_After=standin.retry_after)
            case "503":
                self.answer(503)
            case "api-cut":
                self.cut()
            case "not-json":
                self.answer(200, b"<html>Welcome to the airport's network</html>", Content_Type="text/html")
            case _:
                answer(path)

    def _list(self, path: str) -> None:
        standin, query = self.server.standin, parse_qs(urlsplit(self.path).query)
        size = min(int(query.get("page[size]", [DEFAULT_PAGE])[0]), LARGEST_PAGE)
        page = int(query.get("page", ["1"])[0])
        children = standin.children(path)
        shown = children[(page - 1) * size : page * size]
        here = f"{standin.api.removesuffix('/v2')}{urlsplit(self.path).path}"
        following = urlencode({"page": page + 1, "page[size]": size}) if page * size < len(children) else None
        document = {
            "data": [item_of(standin, path, name, file) for name, file in shown],
            "links": {"first": None, "last": None, "prev": None, "next": following and f"{here}?{following}"},
            "meta": {"total": len(children), "per_page": size, "version": "2.0"},
        }
        if path == ROOT and standin.next_page is not None:
            document["links"]["next"] = standin.next_page
        self._say(document)

    def _say(self, document: dict) -> None:
        self.answer(200, json.dumps(document).encode(), Content_Type="application/vnd.api+json")

    def _redirect(self, path: str) -> None:
        location = f"{self.server.standin.storage}/v1/{_identifier(path)}?signature=a-secret-of-the-storage"
        self.answer(302, Location=location)


class StorageHandler(_Handler):
    def do_GET(self) -> None:
        standin = self.server.standin
        path = _path(standin, urlsplit(self.path).path.removeprefix("/v1/"))
        if not path:
            return self.answer(404)
        fault = self.begin("content", path)
        content = (standin.folder / path).read_bytes()
        with standin.sending():
            match fault:
                case "truncated":
                    self.answer(200, content[: len(content) // 2])
                case "checksum":
                    self.answer(200, bytes(byte ^ 1 for byte in content))
                case "storage-503":
                    self.answer(503)
                case "cut":
                    self._begin(content)
                    self.cut()
                case "hang":
                    self._begin(content)
                    standin.hang()
                    self.cut()
                case "no-rest":
                    self.answer(416, Content_Range=f"bytes */{len(content)}")
                case "part":
                    self.answer(206, content[:3], Content_Range=f"bytes 0-2/{len(content)}")
                case _:
                    self._send(content)

    def _send(self, content: bytes) -> None:
        """All of it, or what a resumed download lacks."""
        if wanted := self.headers.get("Range"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            return self.answer(206, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.answer(200, content, Content_Type="application/octet-stream")

    def _begin(self, content: bytes) -> None:
        """Promise all of it and send half."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()


def item_of(standin: "StandIn", folder: str, name: str, file: Path | None) -> dict:
    """One entry of a listing, with what OSF says about it that a client may use."""
    path = f"{folder}/{name}" if folder else name
    base = standin.api.removesuffix("/v2")
    is_folder = file is not None and file.is_dir()
    is_real = file is not None and not is_folder
    sums = _checksums(file, file.stat().st_mtime_ns) if is_real else {}
    item = {
        "id": _identifier(path),
        "type": "files",
        "attributes": {
            "kind": "folder" if is_folder else "file",
            "name": name,
            "path": f"/{_identifier(path)}{'/' * is_folder}",
            "materialized_path": f"/{path}{'/' * is_folder}",
            "size": file.stat().st_size if is_real else None,
            "provider": "osfstorage",
            "extra": {"hashes": {kind: sums.get(kind) for kind in standin.hashes}},
        },
        "links": {"download": None if is_folder else f"{base}/download/{_identifier(path)}/"},
        "relationships": {},
    }
    if is_folder:
        href = f"{standin.api}/{standin.kind}/{standin.node}/files/osfstorage/{_identifier(path)}/"
        item["relationships"] = {"files": {"links": {"related": {"href": href, "meta": {}}}}}
    return item | standin.odd.get(path, {})


def _identifier(path: str) -> str:
    return hashlib.sha1(path.encode(errors="surrogatepass")).hexdigest()[:24]


def _path(standin: "StandIn", identifier: str) -> str | None:
    """The archive path that an identifier in an address stands for, or None."""
    if not identifier.strip("/"):
        return ROOT
    return _paths(standin.folder).get(identifier.strip("/"))


@cache
def _paths(folder: Path) -> dict[str, str]:
    return {_identifier(path): path for path in (str(file.relative_to(folder)) for file in folder.rglob("*"))}


@cache
def _checksums(file: Path, modified_ns: int) -> dict[str, str]:
    content = file.read_bytes()
    return {"md5": hashlib.md5(content).hexdigest(), "sha256": hashlib.sha256(content).hexdigest()}
