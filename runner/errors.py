"""Every deliberate error, its slug, its exit status and its hint. One tree:

    TunebookError              3   base; never raised itself
    ├── UsageError             2   the command line was wrong
    ├── CampaignError          2   a campaign file has problems (all of them, each with file:line:col)
    │   └── OtherHardware      4   nothing is wrong with the file but that this machine can not run it
    ├── UnknownMember          2   no runtime, deployer, sampler, ... of that name
    ├── UnknownId              2   no run, trial, attempt or campaign of that name, or more than one
    ├── QueryRefused           2   `tunebook sql` reads and nothing else
    ├── NotReady               4   the environment lacks something: model, engine package, folder, tool
    │   ├── LeftBehind         4   what an attempt started can not be ended now
    │   ├── ModelMissing       4
    │   ├── ModelDamaged       4   a model file whose header can not be true
    │   ├── EngineMissing      4
    │   ├── NoGpu              4   too few GPUs of the wanted kind, or none of them came free
    │   ├── NoCpu              4   the same of CPUs for a pinned engine
    │   └── Unwritable         4
    ├── StoreError             5   the store can not be used as it is
    │   ├── StoreLocked        5
    │   ├── StoreNewer         5
    │   └── StoreDamaged       5
    ├── SiteError              2   a page of the site's own folder does not build
    ├── AlreadyRunning         7   another process runs this lineage
    ├── NoSpace               10   the disk is full
    ├── NotAuthorised         11   a server wants a login, or one with more rights
    ├── RateLimited           12   a server wants to be asked less often
    ├── HashMismatch          13   a file is not the file that was promised
    ├── RequestFileError       2   a trace or dataset is not there, or not what it must be
    ├── ResultFileError        2   a result file of another tool is not what it must be, or of none that we know
    ├── NetworkError          14   an address could not be read
    └── Interrupted          130   a signal ended the run; the store is whole

A failed trial is no error: it is a `domain.failure.Failure`, a value with a row of its own.
The command line prints ``error[slug]: what (file:line:col)`` and ``  hint: ...``; the slug is an anchor of
``site/reference/errors.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file. Lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: what, where, and what to do about it."""

    slug: str
    what: str
    where: Where | None = None
    hint: str | None = None

    def lines(self) -> list[str]:
        place = f" ({self.where})" if self.where else ""
        lines = [f"error[{self.slug}]: {self.what}{place}"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return lines


class TunebookError(Exception):
    """Base of every deliberate error. `what` is one sentence; `hint` says what to do."""

    slug = "internal"
    status = 3

    def __init__(self, what: str, *, hint: str | None = None, where: Where | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.where = where

    def problems(self) -> Sequence[Problem]:
        return (Problem(self.slug, self.what, self.where, self.hint),)


class UsageError(TunebookError):
    slug, status = "usage", 2


class CampaignError(TunebookError):
    """A campaign file has problems: all of them at once."""

    slug, status = "campaign", 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the campaign file")
        self._problems = tuple(problems)

    def problems(self) -> Sequence[Problem]:
        return self._problems


class OtherHardware(CampaignError):
    """A good file for another machine: `run --matching` skips it."""

    slug, status = "other-hardware", 4


class UnknownMember(TunebookError):
    slug, status = "unknown-member", 2


class UnknownId(TunebookError):
    slug, status = "unknown-id", 2


class QueryRefused(TunebookError):
    slug, status = "query-refused", 2


class NotReady(TunebookError):
    slug, status = "not-ready", 4


class LeftBehind(NotReady):
    """Something of an attempt may still be there, and can not be ended now: its running file stays for `reap`."""

    slug = "left-behind"


class ModelMissing(NotReady):
    slug = "model-missing"


class ModelDamaged(NotReady):
    slug = "model-damaged"


class EngineMissing(NotReady):
    slug = "engine-missing"


class NoGpu(NotReady):
    slug = "no-gpu"


class NoCpu(NotReady):
    slug = "no-cpu"


class Unwritable(NotReady):
    slug = "unwritable"


class StoreError(TunebookError):
    slug, status = "store", 5


class StoreLocked(StoreError):
    slug = "store-locked"


class StoreNewer(StoreError):
    slug = "store-newer"


class StoreDamaged(StoreError):
    slug = "store-damaged"


class SiteError(TunebookError):
    slug, status = "site", 2


class AlreadyRunning(TunebookError):
    slug, status = "already-running", 7


class NoSpace(TunebookError):
    slug, status = "no-space", 10


class NotAuthorised(TunebookError):
    slug, status = "not-authorised", 11


class RateLimited(TunebookError):
    slug, status = "rate-limited", 12


class HashMismatch(TunebookError):
    slug, status = "hash-mismatch", 13


class RequestFileError(TunebookError):
    """A trace or dataset of a workload is not there, or not what it must be."""

    slug, status = "request-file", 2


class ResultFileError(TunebookError):
    """A result file of another tool is not what its format says, or of no format that we know."""

    slug, status = "result-file", 2


class NetworkError(TunebookError):
    slug, status = "network", 14


class Interrupted(TunebookError):
    slug, status = "interrupted", 130
