"""A patient HTTP client: asks again for what may pass, and verifies what it saves."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from rockspace import __version__
from rockspace.data.manifest import Digest, Entry
from rockspace.data.retries import PassingError, Patience, passing_error, retry_after_seconds
from rockspace.errors import RockspaceError

T = TypeVar("T")
CHUNK_BYTES = 1 << 16
TOO_MANY_REQUESTS = 429
PASSING_STATUSES = frozenset({408, TOO_MANY_REQUESTS, *range(500, 600)})

log = logging.getLogger(__name__)


class UnreachableError(RockspaceError):
    """No server has answered at all."""


class RefusedError(RockspaceError):
    """A server's final answer is no.

    Args:
        message: one line.
        status: HTTP status code.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


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
    """Adds a token to requests to the API and to its own site, and to nobody else.

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
        if self._token and self.trusts(request.url):
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
    """

    def __init__(self, auth: BearerToken, patience: Patience, connections: int = 1) -> None:
        self._patience = patience
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
            RockspaceError: it could not be had, however often it was asked for.
        """

        def attempt() -> Any:
            with self._answer(url, url, params=params) as response:
                return response.json()

        return self._patiently(url, attempt)

    def save(
        self,
        url: str,
        path: str,
        partial: Path,
        expected: Expected,
        on_bytes: Callable[[int], None] = lambda count: None,
    ) -> Entry:
        """Write what lies at ``url`` to ``partial`` and verify it.

        Args:
            url: the address.
            path: the file's path in the archive, for its entry.
            partial: the file to write; if this raises, its content means nothing.
            expected: what the file must be.
            on_bytes: told the size of every chunk, and of what an attempt that fails takes back.

        Raises:
            RockspaceError: as for ``json``, or what arrives never is what is expected.
        """
        what = f"{path} ({url})"

        def attempt() -> Entry:
            digest = Digest()
            try:
                answer = self._answer(what, url, stream=True, headers=_AS_STORED)
                with answer as response, partial.open("wb") as stream:
                    for chunk in response.iter_content(CHUNK_BYTES):
                        self._check_open(what)
                        stream.write(chunk)
                        digest.update(chunk)
                        on_bytes(len(chunk))
                        if expected.size is not None and digest.size > expected.size:
                            raise PassingError(f"it is longer than the {expected.size} bytes published")
                entry = digest.entry(path, url)
                if fault := expected.fault(entry):
                    raise PassingError(fault)
                return entry
            except BaseException:
                on_bytes(-digest.size)
                raise

        return self._patiently(what, attempt)

    def _patiently(self, what: str, attempt: Callable[[], T]) -> T:
        def ends(state: tenacity.RetryCallState) -> bool:
            return self._patience.ends(state.attempt_number, state.seconds_since_start, has_contact=self._has_contact)

        def wait(state: tenacity.RetryCallState) -> float:
            return self._patience.seconds_before_next(state.attempt_number, state.outcome.exception())

        def tell(state: tenacity.RetryCallState) -> None:
            seconds = state.next_action.sleep
            log.warning("%s: %s; trying again in %.0f s", what, state.outcome.exception(), seconds)

        def once() -> T:
            self._check_open(what)
            return attempt()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingError),
            stop=ends,
            wait=wait,
            sleep=tenacity.sleep_using_event(self._closing),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(once)
        except PassingError as error:
            if not self._has_contact:
                raise UnreachableError(f"{what} cannot be reached ({error})") from error
            attempts = retrying.statistics["attempt_number"]
            raise RockspaceError(
                f"{what} could not be had in {attempts} attempts: {error}; run again later, what has come is kept"
            ) from error

    @contextmanager
    def _answer(self, what: str, url: str, **options: Any) -> Iterator[requests.Response]:
        timeout = (self._patience.connect_s, self._patience.read_s)
        try:
            with self._session.get(url, timeout=timeout, **options) as response:
                self._has_contact = True
                _check_status(what, response)
                yield response
        except _HOPELESS as error:
            raise RockspaceError(f"{what} cannot be asked for: {type(error).__name__}") from error
        except requests.RequestException as error:
            raise passing_error(error, self._patience) from error

    def _check_open(self, what: str) -> None:
        if self._closing.is_set():
            raise RockspaceError(f"{what}: abandoned")


class _Session(requests.Session):
    """Keeps the token on a redirect to hosts that may see it anyway; strips it on any other."""

    auth: BearerToken

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        return not self.auth.trusts(new_url)


_AS_STORED = {"Accept-Encoding": "identity"}  # a compressed body would not have the published size
_HOPELESS = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.TooManyRedirects,
)


def _check_status(what: str, response: requests.Response) -> None:
    status = response.status_code
    if status in PASSING_STATUSES:
        limit = ", too many requests" if status == TOO_MANY_REQUESTS else ""
        retry_after_s = retry_after_seconds(response.headers.get("Retry-After"))
        raise PassingError(f"the server answered {status}{limit}", retry_after_s=retry_after_s)
    if status >= 400:
        raise RefusedError(f"{what} cannot be had: the server answered {status} {response.reason}", status)
