"""What nobody can undercut who wants to know when each token came: reading alone. Arguments: URL USERS SECONDS.

One epoll, one recv each time the kernel says that something came, and what came is thrown away: nothing is stamped,
parsed or kept. Prints one JSON object: requests and the CPU seconds they took.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from urllib.parse import urlsplit

from tests.benchmarks.floor_client import BODY

_END = b"0\r\n\r\n"


def load(host: str, port: int, users: int, seconds: float) -> int:
    data = json.dumps(BODY).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
    epoll = select.epoll()
    plugs: dict[int, socket.socket] = {}

    def send() -> None:
        plug = socket.create_connection((host, port))
        plug.sendall(request)
        plugs[plug.fileno()] = plug
        epoll.register(plug, select.EPOLLIN)

    for _ in range(users):
        send()
    start, ended = time.monotonic(), 0
    while plugs:
        for fd, _ in epoll.poll():
            data = plugs[fd].recv(2**16)
            if not data or data.endswith(_END):
                plugs.pop(fd).close()
                ended += 1
                if time.monotonic() - start < seconds:
                    send()
    return ended


def main() -> None:
    url, users, seconds = urlsplit(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    before = time.process_time()
    ended = load(str(url.hostname), int(url.port or 80), users, seconds)
    json.dump({"requests": ended, "cpu_seconds": time.process_time() - before}, sys.stdout)


if __name__ == "__main__":
    main()
