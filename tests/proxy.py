"""A little proxy on loopback that notes what it is asked, and answers a plain question with a text of the test's."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "fred", "words-of-a-little-proxy"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass
class Proxy:
    """`asked`: method and address of every question. `let_in`: those that brought the password."""

    address: str = ""
    says: bytes = b""
    asked: list[str] = field(default_factory=list)
    let_in: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Everything goes through it, in both spellings; nothing is said of what does not."""
        return dict.fromkeys(NAMES, self.address) | {"no_proxy": "", "NO_PROXY": ""}


@contextmanager
def proxy(says: bytes = b"") -> Iterator[Proxy]:
    found = Proxy(says=says)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(f"{self.command} {self.path}")
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            known = self.headers.get("Proxy-Authorization") == wanted
            if known:
                found.let_in.append(self.path)
            self.send_response(200 if known else 407)
            self.send_header("Content-Length", str(len(found.says)))
            self.end_headers()
            self.wfile.write(found.says)

        do_POST = do_HEAD = do_CONNECT = do_GET

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found.address = f"http://{USER}:{PASSWORD}@127.0.0.1:{server.server_port}"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
