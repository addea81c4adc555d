"""A file from an address, whole or not at all."""

from __future__ import annotations

import http.client
import os
import secrets
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from runner.errors import NetworkError, UsageError
from runner.util.files import disk_errors
from runner.util.net import LOOPBACK

BLOCK = 1 << 16
SCHEMES = ("http", "https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """The library would follow to ftp too."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in SCHEMES:
            fp.close()
            raise urllib.error.URLError(f"it leads to an address that is not http or https: {shown(newurl)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_address(text: str) -> bool:
    """Whether `text` is meant as a URL and not as a path."""
    return "://" in text


def shown(url: str) -> str:
    """The address without user, password and query: what signs a link stands in its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def download(url: str, target: Path, *, most: int, seconds: float, silence: float = 30.0) -> Path:
    """Get `url` into the file `target`, which is replaced at the end. Folders are made.

    At most `most` bytes in `seconds`; `silence` (s) is how long the server may say nothing. The proxy of the
    environment is used (HTTPS_PROXY, NO_PROXY), never for loopback. Raises UsageError for an address that is not http
    or https or that carries a password, NetworkError for everything on the way, NoSpace, Unwritable.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise UsageError(f"{shown(url)} is no address that can be read", hint="write http://... or https://...")
    if "@" in parts.netloc:
        raise UsageError(f"user and password can not stand in the address of {shown(url)}")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                _fetch(url, file, most, time.monotonic() + seconds, silence)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target


def _fetch(url: str, file: IO[bytes], most: int, end: float, silence: float) -> None:
    handlers: list[urllib.request.BaseHandler] = [_Redirects()]
    if urlsplit(url).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, headers={"User-Agent": "tunebook", "Accept-Encoding": "identity"})
    try:
        with opener.open(request, timeout=silence) as answer:
            promised = answer.headers.get("Content-Length")
            got = 0
            if promised is not None and promised.isdigit() and int(promised) > most:
                raise _failed(url, f"it is {int(promised):,} bytes, and at most {most:,} are taken")
            while block := answer.read(BLOCK):
                got += len(block)
                if got > most:
                    raise _failed(url, f"it has more than {most:,} bytes")
                if time.monotonic() > end:
                    raise _failed(url, f"it was not here in time: {got:,} bytes came")
                file.write(block)
            if promised is not None and promised.isdigit() and got < int(promised):
                raise _failed(url, f"it was cut off after {got:,} of {int(promised):,} bytes")
    except urllib.error.HTTPError as error:
        with error:
            raise _failed(url, f"the server answers {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise _failed(url, f"no answer in {silence:g} s") from error
    except urllib.error.URLError as error:
        raise _failed(url, str(error.reason)) from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise _failed(url, str(error) or type(error).__name__) from error


def _failed(url: str, why: str) -> NetworkError:
    return NetworkError(
        f"{shown(url)} could not be read: {why}",
        hint="check the address and the proxy (HTTPS_PROXY, NO_PROXY), or get the file yourself and name its path",
    )
