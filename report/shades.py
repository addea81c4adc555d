"""One colour, made fit to be read: as the ground of the header, and as links on a light and on a dark page.

Contrast as WCAG 2.2 defines it (relative luminance, 1.4.3), on the grounds that site.css has.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
READABLE = 4.7
"""4.5 is asked for; a screen rounds."""
_LIGHT: tuple[Colour, ...] = (WHITE, (0xF4, 0xF7, 0xF7))
_DARK: tuple[Colour, ...] = ((0x26, 0x2F, 0x36),)
"""The grounds of links that are the hardest to read on: --tb-soft of the light and of the dark page."""
_TABS = 0.7
"""The theme shows tabs of the header in white that is seen through so far."""


def parsed(text: str) -> Colour | None:
    """`#rrggbb` or `#rgb`; None for anything else."""
    match = re.fullmatch(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})", text.strip())
    if match is None:
        return None
    digits = match[1] if len(match[1]) == 6 else "".join(2 * one for one in match[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def luminance(colour: Colour) -> float:
    """0 for black to 1 for white."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """1 (none) to 21 (black on white)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: Colour, into: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of another in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, into, strict=True))
    return red, green, blue


def header(accent: Colour) -> Colour:
    """The accent, darkened until the white tabs can be read on it."""
    steps = (mixed(accent, BLACK, step / 50) for step in range(51))
    return next(ground for ground in steps if contrast(mixed(ground, WHITE, _TABS), ground) >= READABLE)


def link(accent: Colour, *, dark: bool) -> Colour:
    """The accent, darkened for a light page or lightened for a dark one until it can be read there."""
    steps = (mixed(accent, WHITE if dark else BLACK, step / 50) for step in range(51))
    grounds = _DARK if dark else _LIGHT
    return next(ink for ink in steps if all(contrast(ink, ground) >= READABLE for ground in grounds))


def style(accent: Colour) -> str:
    """What stands behind site.css in a site with this accent."""
    ground = header(accent)

    def rules(ink: Colour) -> str:
        named = {
            "--md-primary-fg-color": ground,
            "--md-primary-fg-color--light": mixed(ground, WHITE, 0.15),
            "--md-primary-fg-color--dark": mixed(ground, BLACK, 0.3),
            "--md-accent-fg-color": ink,
            "--md-typeset-a-color": ink,
        }
        return " ".join(f"{name}: {written(colour)};" for name, colour in named.items())

    return (
        "\n/* The accent of [site] in tunebook.toml, made readable where it stands. */\n"
        f"[data-md-color-scheme] {{ {rules(link(accent, dark=False))} }}\n"
        f'@media screen {{ [data-md-color-scheme="slate"] {{ {rules(link(accent, dark=True))} }} }}\n'
    )


def written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
