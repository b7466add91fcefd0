"""How a shop looks, drawn from its key: the same key always gives the same look."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SCHEMES = ("paper", "tint", "night", "vivid")
LAYOUTS = ("split", "poster", "window")
TYPEFACES = ("oldstyle", "grotesque", "slab", "geometric", "humanist", "didone")
BACKDROPS = ("sun", "arch", "split", "hills", "stripes", "dots", "rays", "tiles")
MIXES = 6
# Hues that go well together, in degrees round the wheel; each is turned a little.
PAIRS = (
    *((20, 75), (20, 200), (28, 150), (35, 250), (35, 95), (48, 195), (50, 265)),
    *((62, 20), (75, 160), (80, 250), (85, 15), (100, 50), (120, 70), (140, 85)),
    *((150, 30), (158, 80), (165, 55), (180, 60), (195, 40), (205, 85), (225, 70)),
    *((235, 30), (245, 90), (255, 55), (262, 160), (275, 80), (290, 75), (320, 90)),
    *((345, 190), (350, 70), (5, 85), (10, 230)),
)
TURN = 6


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
    first, second = throw.choice(PAIRS)
    turn = throw.randint(-TURN, TURN)
    return Look(
        hue=(first + turn) % 360,
        second_hue=(second + turn) % 360,
        scheme=throw.choice(SCHEMES),
        layout=throw.choice(LAYOUTS),
        typeface=throw.choice(TYPEFACES),
    )
