"""A web server for a built site, on the loopback only."""

from __future__ import annotations

import errno
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from runner.errors import NotReady, UsageError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A line per request helps nobody who looks at pages."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # the next build is seen at the next reload
        super().end_headers()


def listen(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1; the caller runs and closes it. Port 0: a free one.

    Raises NotReady when there is no site in `folder`, UsageError when the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise NotReady(f"no built site in {folder}", hint="run `tunebook build` first")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(
            f"port {port} can not be used: {error.strerror}", hint="leave --port out: a free one is taken"
        ) from error
