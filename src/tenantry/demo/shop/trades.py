"""What shops of each trade sell and say: the words that seeding draws from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A sort of shop: the noun on its sign, its lines, its goods by their picture."""

    noun: str
    taglines: tuple[str, ...]
    goods: dict[str, tuple[str, ...]]
    prices: tuple[int, int]
    other_prices: dict[str, tuple[int, int]] = field(default_factory=dict)


ADJECTIVES = (
    *("Early", "Slow", "Sunday", "Little", "Harvest", "Midnight", "Northern"),
    *("Quiet", "Garden", "Winter", "Harbour", "Golden", "Meadow", "First", "Old"),
    *("Summer", "River", "Plain", "Market", "Evening"),
)

BLURBS = (
    "Made in small numbers, and never twice the same.",
    "The one our regulars come back for.",
    "Honest materials, a steady hand, and no hurry.",
    "Good on an ordinary Tuesday, which is the point.",
    "We kept the recipe and changed everything around it.",
    "Made to be used, mended and handed on.",
    "Simple to look at, hard to make, easy to live with.",
    "The last of the batch usually leaves before noon.",
    "A small thing that makes the room feel finished.",
    "Bring it back whenever it needs a little care.",
    "Our favourite of the season, until the next one.",
    "Finished by hand at the table by the window.",
)

ABOUTS = (
    "A small shop with a long table at the back. Ask questions, take your time.",
    "Three people, one workshop and a bell on the door. We make a little at a time.",
    "We opened with one shelf and a borrowed table. The table stayed.",
    "Everything is made by us. What we would not keep, we do not sell.",
)

POSTS = (
    ("New in the window", "The season turned, and so did the front shelf."),
    ("Open late on Thursdays", "Until nine, with the kettle on."),
    ("How we choose", "A short note on saying no to most things."),
    ("Mending day", "Bring what broke; we fix what we can over coffee."),
    ("A year of small batches", "What we learned by making less of it."),
    ("Behind the counter", "Who you will meet on which day, and what to ask."),
    ("The shelf nobody saw", "We moved it to the light. It sold out."),
    ("Notes from the workshop", "New tools, old habits, and one good accident."),
)

TRADES: dict[str, Trade] = {
    "bakery": Trade(
        noun="Bakery",
        taglines=("Bread, and time.", "Up since four.", "Crust first."),
        goods={
            "loaf": ("Sourdough", "Rye Loaf", "Milk Bread"),
            "bun": ("Brioche", "Morning Bun", "Seeded Roll"),
            "jar": ("Marmalade", "Honey", "Starter"),
        },
        prices=(3, 9),
    ),
    "books": Trade(
        noun="Books",
        taglines=("One more chapter.", "Read it slowly.", "Shelves with opinions."),
        goods={
            "book": ("Atlas", "Almanac", "Field Guide"),
            "stack": ("Stories", "Letters", "Essays"),
            "lamp": ("Reading Lamp", "Desk Lamp", "Night Light"),
        },
        prices=(9, 34),
        other_prices={"lamp": (38, 120)},
    ),
    "ceramics": Trade(
        noun="Ceramics",
        taglines=("Earth, water, fire.", "Thrown by hand.", "For every table."),
        goods={
            "vase": ("Vase", "Bud Vase", "Tall Vase"),
            "bowl": ("Bowl", "Fruit Bowl", "Serving Bowl"),
            "jug": ("Jug", "Pitcher", "Water Jug"),
        },
        prices=(24, 140),
    ),
    "coffee": Trade(
        noun="Coffee",
        taglines=("Roasted on Tuesdays.", "A better morning.", "Slow cups."),
        goods={
            "cup": ("Cup", "Wide Cup", "Tasting Cup"),
            "tin": ("Espresso", "House Blend", "Filter Roast"),
            "jug": ("Milk Jug", "Server", "Carafe"),
        },
        prices=(8, 22),
        other_prices={"jug": (24, 46)},
    ),
    "plants": Trade(
        noun="Plants",
        taglines=("Rooms that grow.", "Leaf by leaf.", "Green company."),
        goods={
            "plant": ("Rubber Fig", "Calathea", "Peace Lily"),
            "cactus": ("Cactus", "Euphorbia", "Cereus"),
            "sprig": ("Cutting", "Sprig", "Rosemary"),
        },
        prices=(9, 78),
    ),
    "records": Trade(
        noun="Records",
        taglines=("Side B first.", "Warm and loud.", "Play it again."),
        goods={
            "record": ("Single", "Dub Plate", "Ten Inch"),
            "sleeve": ("Sessions", "Quartet", "Ballads"),
            "player": ("Turntable", "Player", "Deck"),
        },
        prices=(9, 36),
        other_prices={"player": (140, 490)},
    ),
    "candles": Trade(
        noun="Candles",
        taglines=("Stay in tonight.", "Forty quiet hours.", "Light, poured."),
        goods={
            "candle": ("Pillar", "Beeswax", "Church Candle"),
            "jar": ("Cedar", "Fig Leaf", "Smoke"),
            "tapers": ("Tapers", "Three Tapers", "Dinner Tapers"),
        },
        prices=(7, 42),
    ),
    "cycles": Trade(
        noun="Cycles",
        taglines=("The long way home.", "Steel is real.", "Tuned by ear."),
        goods={
            "bicycle": ("Tourer", "City Bike", "Commuter"),
            "wheel": ("Front Wheel", "Wheelset", "Track Wheel"),
            "bell": ("Bell", "Brass Bell", "Ringer"),
        },
        prices=(240, 980),
        other_prices={"wheel": (60, 220), "bell": (9, 38)},
    ),
    "lamps": Trade(
        noun="Lamps",
        taglines=("Evenings, improved.", "A softer corner.", "Leave one on."),
        goods={
            "lamp": ("Table Lamp", "Desk Lamp", "Bedside Lamp"),
            "pendant": ("Pendant", "Dome", "Kitchen Light"),
            "lantern": ("Lantern", "Porch Light", "Storm Lantern"),
        },
        prices=(48, 290),
    ),
    "clocks": Trade(
        noun="Clocks",
        taglines=("Take your time.", "Wound weekly.", "No batteries."),
        goods={
            "clock": ("Alarm Clock", "Desk Clock", "Station Clock"),
            "mantel": ("Mantel Clock", "Chime", "Carriage Clock"),
            "hourglass": ("Hourglass", "Egg Timer", "Quarter Hour"),
        },
        prices=(38, 420),
    ),
    "tea": Trade(
        noun="Tea House",
        taglines=("Leaves, loosely.", "Three minutes.", "Put the kettle on."),
        goods={
            "teapot": ("Teapot", "Pot for Two", "Kettle"),
            "tin": ("Oolong", "Assam", "Jasmine"),
            "cup": ("Tea Bowl", "Cup", "Tasting Cup"),
        },
        prices=(6, 24),
        other_prices={"teapot": (38, 96)},
    ),
    "apothecary": Trade(
        noun="Apothecary",
        taglines=("Small remedies.", "From the herb garden.", "Take twice daily."),
        goods={
            "bottle": ("Tonic", "Bitters", "Rosewater"),
            "jar": ("Balm", "Salve", "Bath Salts"),
            "sprig": ("Lavender", "Sage", "Rosemary"),
        },
        prices=(9, 52),
    ),
    "orchard": Trade(
        noun="Orchard",
        taglines=("Picked this morning.", "Windfalls welcome.", "Sun, stored."),
        goods={
            "apple": ("Pippin", "Russet", "Bramley"),
            "pear": ("Pear", "Quince", "Perry Pear"),
            "jar": ("Preserve", "Apple Butter", "Jelly"),
        },
        prices=(3, 18),
    ),
    "yarn": Trade(
        noun="Yarn",
        taglines=("Knit one more row.", "Dyed in the sink.", "Soft arithmetic."),
        goods={
            "yarn": ("Merino", "Alpaca", "Sock Wool"),
            "spool": ("Linen", "Cotton", "Darning Thread"),
            "skein": ("Mohair", "Tweed", "Lace Weight"),
        },
        prices=(7, 36),
    ),
    "kites": Trade(
        noun="Kites",
        taglines=("Wait for the wind.", "Look up.", "Silk, string, sky."),
        goods={
            "kite": ("Diamond", "Flyer", "Ribbon Kite"),
            "delta": ("Delta", "Glider", "Swallow"),
            "spool": ("Line", "Reel", "Spare String"),
        },
        prices=(12, 88),
    ),
    "chairs": Trade(
        noun="Chairs",
        taglines=("Sit down a while.", "Four good legs.", "Built to be sat in."),
        goods={
            "chair": ("Dining Chair", "Desk Chair", "Side Chair"),
            "stool": ("Stool", "Bar Stool", "Milking Stool"),
            "armchair": ("Armchair", "Reading Chair", "Wingback"),
        },
        prices=(85, 640),
    ),
}
