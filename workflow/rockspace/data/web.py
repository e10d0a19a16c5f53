"""HTTP for files that must arrive whole: retries, resumed downloads, checksums, and bounds on what a server sends."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from rockspace import __version__
from rockspace.data.manifest import Digest, Entry
from rockspace.errors import RockspaceError

T = TypeVar("T")
CHUNK_BYTES = 1 << 16
MAX_JSON_BYTES = 1 << 25  # a page of 100 files takes a hundredth of it
SLOWEST = 100  # bytes a second: less is no transfer, but a server that keeps a connection open
PASSING_STATUSES = frozenset({408, 429, *range(500, 600)})
_AS_STORED = {"Accept-Encoding": "identity"}  # a compressed body would not have the published size

log = logging.getLogger(__name__)


class PassingError(Exception):
    """Something that may be gone at the next attempt, in words that hold no address, header or redirect."""

    def __init__(self, reason: str, retry_after: str | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class UnreachableError(RockspaceError):
    """No server has answered at all."""


class RefusedError(RockspaceError):
    """A server refuses a request for good.

    Args:
        message: one line.
        status: HTTP status code.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Patience:
    """Time-outs, number of retries and pauses.

    Attributes:
        retries: how often and with which pauses; OSF counts requests by the hour, so it may ask for as long a pause.
        connect_s: seconds for a connection to be made, for each address of the host.
        read_s: seconds without a byte before a connection counts as hung.
        contact_attempts: attempts as long as no server has answered: then the network is likely not there.
        contact_s: seconds after which no further such attempt is begun.
    """

    retries: Retry = field(
        default_factory=lambda: Retry(total=5, backoff_factor=1, backoff_jitter=1, backoff_max=60, retry_after_max=3600)
    )
    connect_s: float = 5
    read_s: float = 30
    contact_attempts: int = 3
    contact_s: float = 20


PATIENCE = Patience()


@dataclass(frozen=True)
class Expected:
    """What a file must be, as far as its publisher says: size in bytes, hexadecimal checksums."""

    size: int | None = None
    md5: str | None = None
    sha256: str | None = None

    def fault(self, found: Entry) -> str | None:
        """How ``found`` differs from it, or None."""
        for name in ("size", "md5", "sha256"):
            wanted, got = getattr(self, name), getattr(found, name)
            if wanted is not None and wanted != got:
                return f"its {name} is {got}, published is {wanted}"
        return None


class BearerToken(AuthBase):
    """Adds a token to requests to the API and to its own site, and to no other.

    With ``https://api.osf.io/v2`` these are api.osf.io, osf.io and the hosts below it, all by https: files of
    private projects pass through several of them. Any other API gets it at its own scheme, host and port
    alone.
    """

    def __init__(self, token: str | None, api: str) -> None:
        self._token = token
        self._origin = urlsplit(api)[:2]
        host = urlsplit(api).hostname or ""
        self._site = host.removeprefix("api.") if host.startswith("api.") else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request to a site that is trusted with it."""
        if self._token and request.url and self.trusts(request.url):
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def trusts(self, url: str) -> bool:
        """Whether ``url`` may be shown the token."""
        parts = urlsplit(url)
        in_site = self._site is not None and f".{parts.hostname}".endswith(f".{self._site}")
        return parts[:2] == self._origin or (in_site and parts.scheme == "https" and parts.port is None)


class Client:
    """Keeps connections open between requests; threads may share it.

    Args:
        auth: who may see a token.
        patience: time-outs and retries.
        connections: how many threads will share it.
        advice: by HTTP status, what to do about it, in words.
    """

    def __init__(
        self, auth: BearerToken, patience: Patience, connections: int = 1, advice: Mapping[int, str] | None = None
    ) -> None:
        self._patience = patience
        self._advice = advice or {}
        self._has_contact = False
        self._closing = threading.Event()
        self._session = _Session()
        self._session.auth = auth
        self._session.headers["User-Agent"] = f"rockspace/{__version__}"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; what other threads are waiting for is abandoned."""
        self._closing.set()
        self._session.close()

    def json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that lies at ``url``.

        Raises:
            UnreachableError: nothing has ever answered this client.
            RockspaceError: it could not be downloaded after all retries.
        """

        def attempt() -> Any:
            content = b""
            with self._answer(url, url, params=params) as response:
                for chunk in self._chunks(url, response):
                    content += chunk
                    if len(content) > MAX_JSON_BYTES:
                        raise RockspaceError(f"{url}: the answer is longer than {MAX_JSON_BYTES:,} bytes")
            try:
                return json.loads(content)
            except (ValueError, RecursionError) as error:
                raise PassingError("the answer is not JSON") from error

        return self._patiently(url, attempt)

    def save(
        self,
        url: str,
        path: str,
        partial: Path,
        expected: Expected,
        on_bytes: Callable[[int], object],
    ) -> Entry:
        """Write what lies at ``url`` to ``partial`` and verify it; a transfer that is cut is resumed.

        Args:
            url: the address.
            path: the file's path in the archive, for its entry.
            partial: the file to write; if this raises, its content means nothing.
            expected: what the file must be.
            on_bytes: told the size of every chunk, and of what is discarded.

        Raises:
            RockspaceError: as for ``json``, or what arrives never is what is expected.
        """
        what, digest = f"{path} ({url})", Digest()

        def discard() -> None:
            nonlocal digest
            on_bytes(-digest.size)
            digest = Digest()
            partial.write_bytes(b"")

        def attempt() -> Entry:
            headers = _AS_STORED | ({"Range": f"bytes={digest.size}-"} if digest.size else {})
            with self._answer(what, url, start=digest.size, headers=headers) as response:
                if response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    discard()
                with partial.open("ab") as stream:
                    for chunk in self._chunks(what, response):
                        stream.write(chunk)
                        digest.update(chunk)
                        on_bytes(len(chunk))
                        if expected.size is not None and digest.size > expected.size:
                            discard()
                            raise PassingError(f"it is longer than the {expected.size} bytes published")
            entry = digest.entry(path, url)
            if fault := expected.fault(entry):
                discard()
                raise PassingError(fault)
            return entry

        try:
            return self._patiently(what, attempt)
        except BaseException:
            on_bytes(-digest.size)
            raise

    def _patiently(self, what: str, attempt: Callable[[], T]) -> T:
        """Try until it works. urllib3 says how often and when: its own loop knows of no content that is wrong."""
        retries, begin = self._patience.retries, time.monotonic()
        while True:
            if self._closing.is_set():
                raise RockspaceError(f"{what}: abandoned")
            try:
                return attempt()
            except PassingError as error:
                attempts = len(retries.history) + 1
                is_late = time.monotonic() - begin >= self._patience.contact_s
                if not self._has_contact and (attempts >= self._patience.contact_attempts or is_late):
                    raise UnreachableError(f"{what} cannot be reached ({error})") from error
                try:
                    retries = retries.increment("GET", what, error=error)
                except urllib3.exceptions.MaxRetryError:
                    raise RockspaceError(
                        f"{what} could not be downloaded in {attempts} attempts: {error}; run again later, "
                        "files that are complete are kept"
                    ) from error
                seconds = _pause(retries, error)
                log.warning("%s: %s; trying again in %.0f s", what, error, seconds)
                self._closing.wait(seconds)

    @contextmanager
    def _answer(self, what: str, url: str, start: int = 0, **options: Any) -> Iterator[requests.Response]:
        timeout = (self._patience.connect_s, self._patience.read_s)
        try:
            with self._session.get(url, timeout=timeout, stream=True, **options) as response:
                self._has_contact = True
                self._check_status(what, response, start)
                yield response
        except _HOPELESS as error:
            raise RockspaceError(f"{what} cannot be requested: {type(error).__name__}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise PassingError(_in_words(error, self._patience)) from error

    def _check_status(self, what: str, response: requests.Response, start: int) -> None:
        status = response.status_code
        advice = f": {self._advice[status]}" if status in self._advice else ""
        if status in PASSING_STATUSES:
            raise PassingError(f"the server answered {_named(status)}{advice}", response.headers.get("Retry-After"))
        if status >= 400:
            raise RefusedError(f"{what} cannot be downloaded: the server answered {_named(status)}{advice}", status)
        is_rest = start and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if status != HTTPStatus.OK and not (status == HTTPStatus.PARTIAL_CONTENT and is_rest):
            raise RefusedError(
                f"{what} cannot be downloaded: the server answered {_named(status)} to a request for all of it", status
            )

    def _chunks(self, what: str, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes in, as long as it comes in at all."""
        begin, size = time.monotonic(), 0
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            if self._closing.is_set():
                raise RockspaceError(f"{what}: abandoned")
            size += len(chunk)
            seconds = time.monotonic() - begin
            if seconds > self._patience.read_s and size < SLOWEST * seconds:
                raise PassingError(f"it comes at less than {SLOWEST} bytes a second")
            yield chunk


class _Session(requests.Session):
    """Keeps the token on a redirect to hosts that may see it anyway; strips it on any other."""

    auth: BearerToken

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        return not self.auth.trusts(new_url)


# Addresses that are none, the server's redirects among them: requests' own errors for them are ValueErrors, and
# some of urllib's come through.
_HOPELESS = (requests.exceptions.TooManyRedirects, ValueError)


def _named(status: int) -> str:
    """A status with its standard name; what the server calls it may hold anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _pause(retries: Retry, error: PassingError) -> float:
    """Seconds before the next attempt: what the server asks for, or ever more; a random part keeps clients apart."""
    backoff = retries.get_backoff_time()
    if error.retry_after is None:
        return backoff
    try:
        return max(backoff, retries.parse_retry_after(error.retry_after))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return backoff


def _in_words(error: requests.RequestException | urllib3.exceptions.HTTPError, patience: Patience) -> str:
    """What happened to a connection."""
    cause: Any = error.args[0] if error.args else None
    cause = getattr(cause, "reason", None) or cause
    match error, cause:
        case requests.exceptions.ConnectTimeout(), _:
            return f"no connection within {patience.connect_s:g} s"
        case requests.exceptions.SSLError(), _:
            detail = getattr(next(iter(getattr(cause, "args", ())), None), "verify_message", "")
            return f"no TLS connection{detail and ': '}{detail}"
        case requests.exceptions.ProxyError(), _:
            return "the proxy does not answer"
        case _, urllib3.exceptions.NameResolutionError():
            return "its name cannot be resolved"
        case _, urllib3.exceptions.NewConnectionError():
            number = getattr(cause.__cause__, "errno", None)
            return os.strerror(number).lower() if number else "no connection"
        case (requests.exceptions.Timeout() | urllib3.exceptions.ReadTimeoutError(), _) | (
            _,
            urllib3.exceptions.ReadTimeoutError(),
        ):
            return f"no answer within {patience.read_s:g} s"
    return "the connection was cut"
