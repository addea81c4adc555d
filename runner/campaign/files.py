"""Files that people write for campaigns, as text: read whole or refused, and what they are called in a record."""

from __future__ import annotations

import difflib
from pathlib import Path

from runner.errors import CampaignError, Problem, Where
from runner.util.project import project_folder

SUFFIXES = (".yaml", ".yml")
LARGEST = 200_000
"""Bytes of a campaign file. People write it: a thousand lines stay far below, and a megabyte takes seconds to read."""


def read_text(path: Path) -> str:
    """The file as it was written. Raises CampaignError when it can not be read as text."""
    where = Where(str(path))
    try:
        if path.stat().st_size > LARGEST:
            problem = Problem("campaign-yaml", f"a campaign file has at most {LARGEST} bytes", where)
        else:
            return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = Problem("campaign-missing", "no such file", where, _near_file(path))
    except UnicodeDecodeError as error:
        problem = Problem("campaign-yaml", f"not UTF-8 text: byte {error.start}", where, "save it as UTF-8")
    except OSError as error:
        problem = Problem("campaign-missing", f"can not be read: {error.strerror}", where)
    raise CampaignError([problem])


def _near_file(path: Path) -> str | None:
    if not path.parent.is_dir():
        return None
    names = [file.name for file in path.parent.iterdir() if file.suffix in SUFFIXES]
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {path.parent / near[0]}?" if near else None


def project_path(path: Path) -> str:
    """Relative to the project folder where it lies inside, else the file name: never a path of this machine."""
    real = path.resolve()
    try:
        return real.relative_to(project_folder(real.parent)).as_posix()
    except ValueError:
        return real.name
