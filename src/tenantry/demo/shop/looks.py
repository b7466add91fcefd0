"""How a shop looks, drawn from its key: the same key always gives the same look."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SCHEMES = ("paper", "tint", "night", "vivid")
LAYOUTS = ("split", "poster", "window")
TYPEFACES = ("oldstyle", "grotesque", "slab", "geometric", "humanist", "didone")
BACKDROPS = ("sun", "arch", "split", "hills", "stripes", "dots", "rays", "tiles")
MIXES = 6
# How far round the wheel the second colour stands from the first.
SECOND_HUES = (-55, -35, 40, 60, 130, 165, 195, 230)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The choices that make one shop look unlike the next."""

    hue: int
    second_hue: int
    scheme: str
    layout: str
    typeface: str


def dice(key: str) -> Random:
    """Return a random generator that throws the same for the same key."""
    return Random(f"shop {key}")  # noqa: S311  (looks, not secrets)


def look_of(key: str) -> Look:
    """Return the look of the shop of that key."""
    throw = dice(key)
    hue = throw.randrange(360)
    return Look(
        hue=hue,
        second_hue=(hue + throw.choice(SECOND_HUES)) % 360,
        scheme=throw.choice(SCHEMES),
        layout=throw.choice(LAYOUTS),
        typeface=throw.choice(TYPEFACES),
    )
