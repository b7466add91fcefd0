"""Keys and names for as many shops as asked, the same ones every time."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

from tenantry.demo.shop.trades import TRADES

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = (
    *("alder", "amber", "arbor", "aster", "basil", "birch", "bloom", "briar"),
    *("brook", "cedar", "clover", "cobalt", "copper", "coral", "cove", "crane"),
    *("dahlia", "dune", "ember", "fable", "fern", "finch", "flint", "fox"),
    *("garnet", "grove", "harbor", "hazel", "heron", "indigo", "iris", "ivory"),
    *("jade", "juniper", "kestrel", "larch", "laurel", "linden", "lotus", "lunar"),
    *("maple", "marlow", "meadow", "moss", "nettle", "north", "olive", "onyx"),
    *("opal", "orchid", "otter", "pearl", "pine", "quartz", "quill", "raven"),
    *("river", "saffron", "sage", "sorrel", "umber", "velvet", "willow", "wren"),
)
TIME_ZONES = (
    *("Europe/Lisbon", "Asia/Tokyo", "America/New_York", "Africa/Nairobi"),
    *("Pacific/Auckland", "America/Bogota", "Asia/Kolkata"),
)


class Name(NamedTuple):
    """What a shop is called: for ever, and on its sign."""

    key: str
    name: str


def names(number: int) -> list[Name]:
    """Return the first `number` names; each key is there once."""
    return list(islice(_endless(), number))


def _endless() -> Iterator[Name]:
    """Yield a first one for the documentation, then every word with every trade."""
    yield Name("acme", "Acme Ceramics")
    trades = tuple(TRADES)
    for lap in count(1):
        key_end, name_end = (f"-{lap}", f" No. {lap}") if lap > 1 else ("", "")
        for shift in range(len(trades)):
            for place, word in enumerate(WORDS):
                trade = trades[(place + shift) % len(trades)]
                yield Name(
                    f"{word}-{trade}{key_end}",
                    f"{word.title()} {TRADES[trade].noun}{name_end}",
                )


def settings_of(key: str) -> dict[str, str]:
    """Return the settings that a shop has of its own: who writes its mails, where."""
    place = sum(key.encode()) % len(TIME_ZONES)
    return {
        "DEFAULT_FROM_EMAIL": f"hello@{key}.example",
        "TIME_ZONE": TIME_ZONES[place],
    }


def trade_of(key: str) -> str:
    """Return the trade that a key speaks of; ceramics, where it speaks of none."""
    return next((part for part in key.split("-") if part in TRADES), "ceramics")
