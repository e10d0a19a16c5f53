"""A stand-in for the hub that KerasHub downloads presets from, on loopback, with folders of presets behind it.

KerasHub asks kagglehub for each file of a preset; kagglehub posts a request to its API and follows a redirect to a storage. With
`environment` it takes this server for its API and for a proxy, so that no request leaves the machine.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

DOWNLOAD = "/api/v1/models.ModelApiService/DownloadModelInstanceVersion"


class StandInHub:
    """The server.

    Attributes:
        presets: Folders by the names of presets.
        log: The files asked for, as ``preset/file``.
        damaged: Files whose content arrives changed, with the checksum of what it should be.
        truncated: Files of which the first half arrives, as whole files without a checksum.
    """

    def __init__(self, presets: Mapping[str, Path]) -> None:
        self.presets, self.log = dict(presets), list[str]()
        self.damaged, self.truncated = set[str](), set[str]()

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Serve, and yield the port."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = f"{asked['instanceSlug']}/{asked['path']}"
                hub.log.append(name)
                if urlparse(self.path).path != DOWNLOAD or not hub.file(name):
                    return self._answer(404, json.dumps({"code": 404, "message": "Not found"}).encode())
                self.send_response(302)
                self.send_header("Location", f"http://storage.localhost/{name}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                name = urlparse(self.path).path.lstrip("/")
                file = hub.file(name)
                if file is None:
                    return self._answer(404, b"")
                content, headers = file.read_bytes(), {}
                if name in hub.truncated:
                    content = content[: len(content) // 2]
                else:
                    checksum = base64.b64encode(hashlib.md5(content).digest()).decode()
                    headers["X-Goog-Hash"] = f"md5={checksum}"
                if name in hub.damaged:
                    content = content[:-1] + bytes([content[-1] ^ 1])
                self._answer(200, content, headers)

            def do_CONNECT(self) -> None:
                self._answer(403, b"this test has no other hosts")

            def _answer(self, status: int, content: bytes, headers: Mapping[str, str] = {}) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json" if status == 404 else "application/octet-stream")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def file(self, name: str) -> Path | None:
        """The file behind ``preset/file``."""
        preset, _, path = name.partition("/")
        file = self.presets[preset] / path if preset in self.presets else None
        return file if file and file.is_file() else None


def environment(port: int, cache: Path) -> dict[str, str]:
    """Variables with which kagglehub, and whatever else asks a host, talks to the server on ``port`` alone.

    What it says of a preset goes into ``cache`` alone: its presets have names of real ones, whose layers are others.
    """
    proxy = f"http://127.0.0.1:{port}"
    proxies = {f"{scheme}_proxy": proxy for scheme in ("http", "https", "HTTP", "HTTPS")}
    return proxies | {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLEHUB_CACHE": str(cache),
        "XDG_CACHE_HOME": str(cache / "names"),
        "KAGGLE_CONFIG_DIR": str(cache / "no-credentials"),
        "no_proxy": "",
        "NO_PROXY": "",
    }
