"""How properties are searched: no example is timed. A machine that does other things makes a fast one slow."""

from __future__ import annotations

from hypothesis import settings

# Under CI hypothesis has a profile of its own, always with the same examples and without a deadline.
if settings.get_current_profile_name() != "ci":
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
