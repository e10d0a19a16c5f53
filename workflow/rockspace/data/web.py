"""HTTP downloads that are retried, resumed, verified by checksum, and limited in size and time."""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
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

from rockspace.data.manifest import Entry, describe
from rockspace.errors import RockspaceError, printable

T = TypeVar("T")
CHUNK_BYTES = 1 << 16
MAX_JSON_BYTES = 1 << 25  # a page of 100 files takes a hundredth of it
MAX_JSON_S = 60  # bounds how long a server that sends byte by byte can hold up a listing
MAX_FILE_BYTES = 5 * 10**9  # the most that OSF stores, where the size of a file is not published
HEAD_READS = 4  # times the time-out of a read: redirects, and the heads of their answers
LONGEST_SHOWN = 300  # characters of an address in a message
MIN_BYTES_PER_S = 100  # a transfer that is slower for the time-out of a read counts as hung
TRANSIENT_STATUSES = frozenset({408, 429, *range(500, 600)})
# Nothing follows what is there already, or what is sent is something else: all of it has to be requested again.
_NO_REST = (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, HTTPStatus.PARTIAL_CONTENT)
_UNCOMPRESSED = {"Accept-Encoding": "identity"}  # a compressed body would not have the published size

log = logging.getLogger(__name__)


class TransientError(Exception):
    """A fault that may not recur at the next attempt; its message contains no address, header or redirect."""

    def __init__(self, reason: str, retry_after: str | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class UnreachableError(RockspaceError):
    """No server has ever answered this client."""


class RefusedError(RockspaceError):
    """A server refuses a request, and would do so again.

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
        retries: number of attempts and pauses; OSF limits requests per hour, so it may ask for a pause of an hour.
        connect_s: seconds for a connection to be made, for each address of the host.
        read_s: seconds without a byte before a connection counts as hung.
        contact_attempts: attempts while no server has answered, which suggests that there is no network.
        contact_s: seconds after which no further such attempt begins.
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
    """Size in bytes and hexadecimal checksums of a file, as far as its publisher gives them."""

    size: int | None = None
    md5: str | None = None
    sha256: str | None = None

    def fault(self, found: Entry) -> str | None:
        """How ``found`` differs, or None."""
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
        auth: token, and the sites that it is sent to.
        patience: time-outs and retries.
        connections: number of threads that share it.
        advice: by HTTP status, what the user can do about it.
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
        self._session.headers["User-Agent"] = "rockspace"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; requests of other threads are abandoned."""
        self._closing.set()
        self._session.close()

    def json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """Download JSON.

        Raises:
            UnreachableError: nothing has ever answered this client.
            RockspaceError: it could not be downloaded after all retries.
        """
        what = printable(public(url), LONGEST_SHOWN)

        def attempt() -> Any:
            content = bytearray()
            with self._answer(what, url, params=params) as response:
                begin = time.monotonic()
                for chunk in self._chunks(what, response):
                    content += chunk
                    if time.monotonic() - begin > MAX_JSON_S:
                        raise TransientError(f"the answer takes longer than {MAX_JSON_S} s")
                    if len(content) > MAX_JSON_BYTES:
                        raise RockspaceError(f"{what}: the answer is longer than {MAX_JSON_BYTES:,} bytes")
            try:
                return json.loads(content)
            except (ValueError, RecursionError) as error:
                raise TransientError("the answer is not JSON") from error

        return self._with_retries(what, attempt)

    def save(
        self,
        url: str,
        path: str,
        partial: Path,
        expected: Expected,
        on_bytes: Callable[[int], object],
    ) -> Entry:
        """Download ``url`` to ``partial`` and verify it; an interrupted transfer is resumed.

        Args:
            url: the address.
            path: the file's path in the archive, for its entry.
            partial: the file to write; incomplete if this raises.
            expected: what the file must be.
            on_bytes: called with the size of every chunk, and with minus the size of what is discarded.

        Raises:
            RockspaceError: as for ``json``, or no attempt yields the expected content.
        """
        what = f"{path} ({printable(public(url), LONGEST_SHOWN)})"

        def size() -> int:
            return partial.stat().st_size if partial.exists() else 0

        def attempt() -> Entry:
            start = size()
            headers = _UNCOMPRESSED | ({"Range": f"bytes={start}-"} if start else {})
            try:
                with self._answer(what, url, start=start, headers=headers) as response:
                    is_rest = response.status_code == HTTPStatus.PARTIAL_CONTENT
                    on_bytes(0 if is_rest else -start)
                    with partial.open("ab" if is_rest else "wb") as stream:
                        for chunk in self._chunks(what, response):
                            stream.write(chunk)
                            on_bytes(len(chunk))
                            if stream.tell() > (MAX_FILE_BYTES if expected.size is None else expected.size):
                                break
            except RefusedError as error:
                if not start or error.status not in _NO_REST:
                    raise
                on_bytes(-start)
                partial.unlink()
                raise TransientError(f"its rest cannot be downloaded ({_named(error.status)})") from error
            if expected.size is None and size() > MAX_FILE_BYTES:
                raise RockspaceError(f"{what}: longer than {MAX_FILE_BYTES:,} bytes, and its size is not published")
            entry = describe(partial, path, public(url))
            if fault := expected.fault(entry):
                on_bytes(-entry.size)
                partial.unlink()
                raise TransientError(fault)
            return entry

        try:
            return self._with_retries(what, attempt)
        except BaseException:
            on_bytes(-size())
            raise

    def _with_retries(self, what: str, attempt: Callable[[], T]) -> T:
        """Try until it works, as often and at such intervals as urllib3 says; its own loop does not check the content."""
        retries, begin = self._patience.retries, time.monotonic()
        while True:
            if self._closing.is_set():
                raise RockspaceError(f"{what}: abandoned")
            try:
                return attempt()
            except TransientError as error:
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
        try:
            with self._get(url, **options) as response:
                self._has_contact = True
                self._check_status(what, response, start)
                yield response
        except _PERMANENT_ERRORS as error:
            raise RockspaceError(f"{what} cannot be requested: {type(error).__name__}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransientError(_in_words(error, self._patience)) from error

    def _get(self, url: str, **options: Any) -> requests.Response:
        """Ask in a thread of its own: a server that sends the head of its answer byte by byte keeps within all time-outs."""
        answer: Future[requests.Response] = Future()
        timeout = (self._patience.connect_s, self._patience.read_s)

        def ask() -> None:
            try:
                answer.set_result(self._session.get(url, timeout=timeout, stream=True, **options))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            return answer.result(HEAD_READS * self._patience.read_s)
        except TimeoutError as error:
            answer.add_done_callback(_close_unread)
            raise TransientError(
                f"its answer does not begin within {HEAD_READS * self._patience.read_s:g} s"
            ) from error

    def _check_status(self, what: str, response: requests.Response, start: int) -> None:
        status = response.status_code
        advice = f": {self._advice[status]}" if status in self._advice else ""
        if status in TRANSIENT_STATUSES:
            raise TransientError(f"the server answered {_named(status)}{advice}", response.headers.get("Retry-After"))
        if status >= 400:
            raise RefusedError(f"{what} cannot be downloaded: the server answered {_named(status)}{advice}", status)
        is_rest = start and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if status != HTTPStatus.OK and not (status == HTTPStatus.PARTIAL_CONTENT and is_rest):
            raise RefusedError(
                f"{what} cannot be downloaded: the server answered {_named(status)} to a request for all of it", status
            )

    def _chunks(self, what: str, response: requests.Response) -> Iterator[bytes]:
        """The body in pieces; an error if it is too slow, at first or later."""
        begin, size = time.monotonic(), 0
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            if self._closing.is_set():
                raise RockspaceError(f"{what}: abandoned")
            size += len(chunk)
            seconds = time.monotonic() - begin
            if seconds > self._patience.read_s:
                if size < MIN_BYTES_PER_S * seconds:
                    raise TransientError(f"it comes at less than {MIN_BYTES_PER_S} bytes a second")
                begin, size = time.monotonic(), 0
            yield chunk


class _Session(requests.Session):
    """Keeps the token on a redirect to hosts that may see it anyway; strips it on any other."""

    auth: BearerToken

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        return not self.auth.trusts(new_url)


# Malformed addresses, which a server may redirect to: requests' errors for them, and some of urllib's, are ValueErrors.
_PERMANENT_ERRORS = (requests.exceptions.TooManyRedirects, ValueError)


def public(url: str) -> str:
    """Return an address for messages and manifests: without user name, password, query and fragment, which may be secrets."""
    return _USER.sub(r"\1", re.split("[?#]", url, maxsplit=1)[0])


_USER = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?[/\\]*)[^/\\]*@", re.IGNORECASE)


def _close_unread(late: "Future[requests.Response]") -> None:
    if late.exception() is None:
        late.result().close()


def _named(status: int) -> str:
    """A status with its standard name; the text that the server sends may contain anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _pause(retries: Retry, error: TransientError) -> float:
    """Seconds before the next attempt: exponential backoff with jitter, or longer if the server asks for it."""
    backoff = retries.get_backoff_time()
    if error.retry_after is None:
        return backoff
    try:
        return max(backoff, retries.parse_retry_after(error.retry_after))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return backoff


def _in_words(error: requests.RequestException | urllib3.exceptions.HTTPError, patience: Patience) -> str:
    """What went wrong with a connection, without its address."""
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
