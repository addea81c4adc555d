"""What a server's answer means for a download: go on, begin anew, wait, or give up. No network here."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from runner.errors import NetworkError, NotAuthorised, RateLimited, TunebookError

ASKED_TO_WAIT, LONGEST_WAIT = 5.0, 3600.0
"""Seconds: after a 429 that does not say how long, and the most that a server may ask for."""

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_AGAIN = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)


class TryAgain(Exception):
    """A download stopped, and may work when it is begun again. `wait`: seconds that the server asks for. `final` is
    what it comes to when no try is left."""

    def __init__(self, why: str, final: TunebookError, wait: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.final = final
        self.wait = wait


def refused(status: int, headers: Mapping[str, str], what: str, said: str = "", stored: bool = False) -> Exception:
    """The error of a status that carries no content. `what` is the file or question, without secrets. `stored`: the
    answer is not the hub's but that of the storage which it sends its clients to, under a link that may be too old."""
    told = f"{what}: the server answers {status}{f' ({said})' if said else ''}"
    if status in (401, 403) and not stored:
        return NotAuthorised(
            f"{told}: it is private or gated, or not there at all",
            hint="check its name; set HF_TOKEN to a token that may read it, after the licence on its page was accepted",
        )
    if status == 404 and not stored:
        return NetworkError(
            told, hint="check the model's id, the file and the revision; a private model needs HF_TOKEN to be seen"
        )
    if status == 429:
        hint = "try again later; who is logged in (HF_TOKEN) may ask more often"
        return TryAgain(told, RateLimited(told, hint=hint), retry_after(headers, time.time()))
    failed = NetworkError(told, hint="try again later, or choose a mirror with --base-url")
    if status in _AGAIN or stored:
        wait = retry_after(headers, time.time()) if any(name.lower() == "retry-after" for name in headers) else None
        return TryAgain(told, failed, wait)
    return failed


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds that a server asks to wait: a number or an HTTP date; 5 s when it says nothing that can be read."""
    text = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), LONGEST_WAIT)
    except (ValueError, OverflowError, OSError):
        return ASKED_TO_WAIT


def back_off(attempt: int) -> float:
    """Seconds before try number `attempt` (from 1): 200 ms doubled each time, at most 10 s, a little apart."""
    return float(min(0.2 * 2 ** (attempt - 1), 10.0) + (attempt * 37 % 200) / 1000)


def goes_on_at(headers: Mapping[str, str], start: int, size: int | None) -> bool:
    """Whether a 206 is the rest of the file from `start`, by its own words."""
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None or int(found[1]) != start:
        return False
    return size is None or found[3] in ("*", str(size))


def is_strong(etag: str | None) -> bool:
    """Whether an ETag names bytes and not only a meaning: the other kind may not be sent with If-Range."""
    return etag is not None and len(etag) > 2 and etag.startswith('"') and etag.endswith('"')
