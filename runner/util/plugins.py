"""A folder is a registry: file name = key, module constant = object. Listing imports nothing, getting imports
one file. A name that starts with an underscore is shared code, not a member; a sub-package is a member."""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Generic, TypeVar

from runner.errors import UnknownMember

T = TypeVar("T")


class Folder(Generic[T]):
    """The members of one seam.

    `package` is the dotted name of the folder, `constant` the name each member binds its object to, `noun` what
    an error message calls a member. Both spellings of a name, with `-` and with `_`, find the member; `names()`
    gives the canonical one (`dashed` chooses which). `advice` is the hint for a name that is near no member's.
    """

    def __init__(
        self, package: str, constant: str, noun: str, *, dashed: bool = False, advice: str | None = None
    ) -> None:
        self.package = package
        self.constant = constant
        self.noun = noun
        self.dashed = dashed
        self.advice = advice

    def _spelled(self, name: str) -> str:
        return name.replace("_", "-") if self.dashed else name.replace("-", "_")

    def names(self) -> list[str]:
        path = import_module(self.package).__path__
        found = (module.name for module in pkgutil.iter_modules(path))
        return sorted(self._spelled(name) for name in found if not name.startswith("_"))

    def __contains__(self, name: str) -> bool:
        return self._spelled(name) in self.names()

    def get(self, name: str) -> T:
        """The member called `name`. Raises UnknownMember with the nearest name, or the advice."""
        known = self.names()
        spelled = self._spelled(name)
        if spelled not in known:
            near = difflib.get_close_matches(spelled, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else self.advice
            raise UnknownMember(f"no {self.noun} called {name!r} (known: {', '.join(known)})", hint=hint)
        module = import_module(f"{self.package}.{spelled.replace('-', '_')}")
        member: T = getattr(module, self.constant)
        return member

    def files(self) -> list[Path]:
        """The file of each member, for documentation checks."""
        root = Path(next(iter(import_module(self.package).__path__)))
        return sorted(p for p in root.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())
