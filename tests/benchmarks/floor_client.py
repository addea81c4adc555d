"""The client that ours must beat: what one writes in an hour. Arguments: URL USERS SECONDS.

One aiohttp session without a limit, the body built once, the stream split at blank lines, a time for each chunk with
content, a closed loop of so many tasks. Prints one JSON object: rows (sent, first, last, tokens on the monotonic
clock) and the CPU seconds of the window.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp

BODY = {
    "model": "exact",
    "messages": [{"role": "user", "content": " ".join(["word"] * 119)}],
    "max_tokens": 64,
    "temperature": 0.0,
    "stream": True,
    "stream_options": {"include_usage": True},
    "ignore_eos": True,
}


async def request(session: aiohttp.ClientSession, url: str, data: bytes) -> list[float]:
    """When it was sent, then the time of each token."""
    times = [time.monotonic()]
    rest = b""
    async with session.post(url, data=data, headers={"Content-Type": "application/json"}) as response:
        async for piece in response.content.iter_any():
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: ") and event != b"data: [DONE]":
                    choices = json.loads(event[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        times.append(time.monotonic())
    return times


async def load(url: str, users: int, seconds: float) -> list[list[float]]:
    data = json.dumps(BODY).encode()
    rows: list[list[float]] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        start = time.monotonic()

        async def user() -> None:
            while time.monotonic() - start < seconds:
                rows.append(await request(session, url, data))

        await asyncio.gather(*(user() for _ in range(users)))
    return rows


def main() -> None:
    url, users, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    before = time.process_time()
    rows = asyncio.run(load(f"{url}/v1/chat/completions", users, seconds))
    json.dump({"rows": rows, "cpu_seconds": time.process_time() - before}, sys.stdout)


if __name__ == "__main__":
    main()
