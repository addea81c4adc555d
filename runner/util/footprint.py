"""What is installed and how large: `python -m runner.util.footprint`. Prints one line per package over 1 MB."""

from __future__ import annotations

import importlib.metadata
import sys

from runner.domain.units import format_size


def sizes() -> dict[str, int]:
    """Distribution -> bytes of its files on disk, in this environment."""
    found: dict[str, int] = {}
    for distribution in importlib.metadata.distributions():
        total = 0
        for file in distribution.files or ():
            try:
                total += distribution.locate_file(file).stat().st_size  # type: ignore[attr-defined]
            except OSError:
                continue  # listed but absent: byte code of another interpreter
        name = distribution.metadata["Name"]
        found[name] = found.get(name, 0) + total
    return found


def main() -> None:
    found = sorted(sizes().items(), key=lambda item: -item[1])
    large = [(name, size) for name, size in found if size >= 1_000_000]
    rest = sum(size for name, size in found if size < 1_000_000)
    lines = [f"{format_size(size):>10}  {name}" for name, size in large]
    lines.append(f"{format_size(rest):>10}  {len(found) - len(large)} others, each under 1 MB")
    lines.append(f"{format_size(sum(size for _, size in found)):>10}  installed in all")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
