"""What may pass when a server is asked again, and how long to wait for that."""

import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3


class PassingError(Exception):
    """Something that may be gone at the next attempt.

    Args:
        reason: what happened, in words that hold no address, header or redirect.
        retry_after_s: how long the server asked to wait, in seconds.
        is_unreachable: no connection came about at all.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, is_unreachable: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.is_unreachable = is_unreachable


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask it again.

    Attributes:
        attempts: requests for one thing before it is given up.
        connect_s: seconds for a connection to be made, for each address of the host.
        read_s: seconds without a byte before a connection counts as hung.
        backoff_s: seconds before the second attempt, doubled for each further one; jitter adds up to as much.
        longest_backoff_s: seconds that the doubling ends at.
        longest_retry_after_s: seconds that are waited at most when a server says how long to wait; OSF counts
            requests by the hour.
        contact_attempts: attempts as long as no server has answered: then the network is likely not there.
        contact_s: seconds after which no further such attempt is begun.
    """

    attempts: int = 6
    connect_s: float = 5
    read_s: float = 30
    backoff_s: float = 1
    longest_backoff_s: float = 60
    longest_retry_after_s: float = 3600
    contact_attempts: int = 3
    contact_s: float = 20

    def ends(self, attempt: int, elapsed_s: float, *, has_contact: bool) -> bool:
        """Whether ``attempt``, counted from 1, was the last."""
        if has_contact:
            return attempt >= self.attempts
        return attempt >= self.contact_attempts or elapsed_s >= self.contact_s

    def seconds_before_next(self, attempt: int, error: PassingError) -> float:
        """Seconds between ``attempt``, counted from 1, and the next."""
        backoff = min(self.backoff_s * 2 ** (attempt - 1), self.longest_backoff_s)
        asked = backoff if error.retry_after_s is None else error.retry_after_s
        return min(asked, self.longest_retry_after_s) + random.uniform(0, backoff)


PATIENCE = Patience()


def retry_after_seconds(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None if it says neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def passing_error(error: requests.RequestException, patience: Patience) -> PassingError:
    """Say what happened to a connection."""
    cause: Any = error.args[0] if error.args else None
    cause = getattr(cause, "reason", None) or cause
    match error, cause:
        case requests.exceptions.ConnectTimeout(), _:
            return PassingError(f"no connection within {patience.connect_s:g} s", is_unreachable=True)
        case requests.exceptions.SSLError(), _:
            detail = getattr(next(iter(getattr(cause, "args", ())), None), "verify_message", "")
            return PassingError(f"no TLS connection{detail and ': '}{detail}", is_unreachable=True)
        case requests.exceptions.ProxyError(), _:
            return PassingError("the proxy does not answer", is_unreachable=True)
        case _, urllib3.exceptions.NameResolutionError():
            return PassingError("its name cannot be resolved", is_unreachable=True)
        case _, urllib3.exceptions.NewConnectionError():
            number = getattr(cause.__cause__, "errno", None)
            return PassingError(os.strerror(number).lower() if number else "no connection", is_unreachable=True)
        case (requests.exceptions.Timeout(), _) | (_, urllib3.exceptions.ReadTimeoutError()):
            return PassingError(f"no answer within {patience.read_s:g} s")
        case requests.exceptions.JSONDecodeError(), _:
            return PassingError("the answer is not JSON")
    return PassingError("the connection was cut")
