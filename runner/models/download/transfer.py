"""One file into its part: resumed, tried again, watched. Over HTTP the client is huggingface_hub's own.

Ours because the library's way of fetching one file keeps nothing of an interrupted one (its part has a random name and
is removed), checks neither the range that it gets nor the content, and can not be told how often to try; it has no
place where that could be added. Everything around it is the library's: listing, tokens, proxies, folders, links.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from runner.errors import HashMismatch, NetworkError
from runner.models.download.answers import TryAgain, back_off, goes_on_at, is_strong, refused
from runner.models.download.part import OPTION, Part, write_all
from runner.models.hashes import Promise
from runner.util.download import shown
from runner.util.files import disk_errors

if TYPE_CHECKING:
    import httpx2

BLOCK = 1 << 20
SILENCE = 30.0
"""Seconds that a server may say nothing."""

SLOWEST = 1e6
"""Bytes per second: a slower download takes so much of the time that `--timeout` gives that it ends."""

EVERY = 0.5
"""Seconds between two words of progress."""

Tell = Callable[..., None]
"""Called with the phase (`start`, `progress`, `retry`, `done`) and what belongs to it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`retries`: tries without one byte of progress before it is given up. `timeout`: seconds for a file, and one more
    for each MB."""

    retries: int = 3
    timeout: float = 1800.0
    force: bool = False


def transfer(
    url: str, headers: Mapping[str, str], part: Part, promise: Promise, settings: Settings, tell: Tell
) -> None:
    """Bring the file at `url`, over HTTP. As `bring`, and raises NotAuthorised, RateLimited too."""
    silence = min(SILENCE, settings.timeout)
    bring(shown(url), part, promise, settings, tell, lambda end: _once(url, headers, part, promise, tell, end, silence))


def bring(
    url: str, part: Part, promise: Promise, settings: Settings, tell: Tell, once: Callable[[float], None]
) -> None:
    """Fill `part`, verify it and give it its name. The caller holds the part's lock. `once` adds what is missing in one
    go, until that moment of the monotonic clock, or raises TryAgain; `url` is only told.

    Raises NetworkError, NoSpace, Unwritable and what `once` does: the part is kept. HashMismatch: it is not.
    """
    began = time.monotonic()
    end = began + settings.timeout + (promise.size or 0) / SLOWEST
    if settings.force or (promise.size is not None and part.size > promise.size):
        part.clear()
    resumed = part.size > 0
    while True:
        _whole(url, part, promise, settings, tell, once, end)
        try:
            part.finish(promise)
            break
        except HashMismatch:
            if not resumed:
                raise
            resumed = False  # its beginning may be of another day: once more, from the start
            tell("retry", wait_secs=0.0, msg="what was there before is of another file: from the start")
    tell("done", bytes=part.target.stat().st_size, ms=round(1000 * (time.monotonic() - began)))


def _whole(
    url: str,
    part: Part,
    promise: Promise,
    settings: Settings,
    tell: Tell,
    once: Callable[[float], None],
    end: float,
) -> None:
    """All the bytes that were promised, in as many tries as it takes."""
    tries = 0
    while promise.size is None or part.size < promise.size or part.size == 0:
        start = part.size
        tell("start", url=url, resume=start > 0, start=start)
        try:
            once(end)
            return
        except TryAgain as again:
            tries = 1 if part.size > start else tries + 1
            if tries > settings.retries:
                raise again.final from again
            wait = back_off(tries) if again.wait is None else again.wait
            if time.monotonic() + wait > end:
                raise again.final from again
            tell("retry", wait_secs=round(wait, 3), msg=again.why)
            time.sleep(wait)


def _once(
    url: str, headers: Mapping[str, str], part: Part, promise: Promise, tell: Tell, end: float, silence: float
) -> None:
    """One request, to the end of the file or of the connection."""
    import httpx2
    from huggingface_hub import get_session

    part.room(promise.size)
    start = part.size
    asked = {**headers, "Accept-Encoding": "identity", **_rest_of(part)}
    what = part.name
    try:
        with get_session().stream("GET", url, headers=asked, timeout=silence, follow_redirects=True) as answer:
            _accept(answer, part, promise, start, what)
            with disk_errors(part.target, OPTION), part.writer() as file:
                read_into(file, answer.iter_bytes(), part, promise, tell, end)
    except httpx2.TimeoutException as error:
        raise broken(f"{what}: no answer in {silence:g} s") from error
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise broken(f"{what}: {str(error) or type(error).__name__}") from error
    except (httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
        raise NetworkError(f"{what}: {error}", hint="check --base-url and HF_ENDPOINT") from error


def _rest_of(part: Part) -> dict[str, str]:
    """What asks for the rest of a file, if it is still the same. Never anything else that sets a condition: a file
    that is here is not asked for at all, and `304` with no file would be no answer."""
    if part.size == 0:
        return {}
    etag = part.etag
    return {"Range": f"bytes={part.size}-"} | ({"If-Range": etag} if etag and is_strong(etag) else {})


def _accept(answer: httpx2.Response, part: Part, promise: Promise, start: int, what: str) -> None:
    """Look at the head of an answer before one byte of it counts. Raises TryAgain and what `refused` says."""
    status, headers = answer.status_code, answer.headers
    etag = headers.get("ETag")
    if status == 206 and start > 0:
        if not goes_on_at(headers, start, promise.size):
            part.clear()
            raise broken(f"{what}: asked for the bytes from {start:,}, the server sends others; from the start")
        if part.etag and etag and is_strong(etag) and etag != part.etag:
            part.clear()
            raise broken(f"{what}: the file changed on the server; from the start")
        return
    if status == 200:
        part.clear()  # nothing of it, or the server does not know ranges, or the file is another one now
        part.began(etag)
        part.room(promise.size)
        length = headers.get("Content-Length", "")
        plain = length.isdigit() and "Content-Encoding" not in headers
        if promise.size is not None and plain and int(length) != promise.size:
            raise broken(f"{what}: the server sends {int(length):,} bytes, the hub lists {promise.size:,}")
        return
    if status in (206, 304, 416):
        part.clear()
        raise broken(f"{what}: the server answers {status}, which does not fit the question; from the start")
    said = headers.get("X-Error-Message") or headers.get("X-Error-Code") or ""
    raise refused(status, headers, what, said, stored=_is_storage(answer))


def _is_storage(answer: httpx2.Response) -> bool:
    """Whether another host than the one that was asked answers: a link to it is valid for a while only."""
    return bool(answer.history) and answer.history[0].url.host != answer.url.host


def read_into(file: BinaryIO, blocks: Iterable[bytes], part: Part, promise: Promise, tell: Tell, end: float) -> None:
    """Add what comes to the part. Raises TryAgain when it is not all, or too much, and NetworkError at the `end`."""
    what = part.name
    got, told = part.size, time.monotonic()
    for block in blocks:
        write_all(file, block)
        got += len(block)
        now = time.monotonic()
        if promise.size is not None and got > promise.size:
            part.clear()
            raise broken(f"{what}: the server sends more than the {promise.size:,} bytes that the hub lists")
        if now > end:
            raise NetworkError(
                f"{what}: not here in time, {got:,} of {_count(promise.size)} bytes came",
                hint="run the command again: it goes on where it stopped; give it more time with --timeout",
            )
        if now - told >= EVERY:
            tell("progress", downloaded=got, total=promise.size)
            told = now
    if promise.size is not None and got < promise.size:
        raise broken(f"{what}: cut off after {got:,} of {promise.size:,} bytes")
    tell("progress", downloaded=got, total=promise.size)


def _count(size: int | None) -> str:
    return "unknown" if size is None else f"{size:,}"


def broken(why: str) -> TryAgain:
    hint = "run the command again: it goes on where it stopped; check the network and the proxy (HTTPS_PROXY, NO_PROXY)"
    return TryAgain(why, NetworkError(why, hint=hint))


def silent(phase: str, **data: Any) -> None:
    """For who wants no word of progress."""
