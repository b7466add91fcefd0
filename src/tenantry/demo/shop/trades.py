"""What shops of each trade sell and say: the words that seeding draws from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A sort of shop: the noun on its sign, its lines, its goods and their shapes."""

    noun: str
    taglines: tuple[str, ...]
    goods: tuple[str, ...]
    glyphs: tuple[str, ...]
    prices: tuple[int, int]


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
    "A small shop with a long table at the back where everything is made. "
    "Come in, ask questions, take your time.",
    "Three people, one workshop and a bell on the door. "
    "We make a little at a time, and we know where each thing goes.",
    "We opened with one shelf and a borrowed table. "
    "There are more shelves now; the table stayed.",
    "Everything here is chosen or made by us. If we would not keep it at home, "
    "it does not go in the window.",
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
        goods=("Sourdough", "Rye Loaf", "Brioche", "Focaccia", "Milk Bread", "Bun"),
        glyphs=("loaf", "bun", "jar"),
        prices=(3, 9),
    ),
    "books": Trade(
        noun="Books",
        taglines=("One more chapter.", "Read it slowly.", "Shelves with opinions."),
        goods=("Atlas", "Almanac", "Reader", "Field Guide", "Stories", "Letters"),
        glyphs=("book", "stack", "lamp"),
        prices=(9, 34),
    ),
    "ceramics": Trade(
        noun="Ceramics",
        taglines=("Earth, water, fire.", "Thrown by hand.", "For every table."),
        goods=("Vase", "Bowl", "Jug", "Tall Vase", "Serving Bowl", "Pitcher"),
        glyphs=("vase", "bowl", "jug"),
        prices=(24, 140),
    ),
    "coffee": Trade(
        noun="Coffee",
        taglines=("Roasted on Tuesdays.", "A better morning.", "Slow cups."),
        goods=("Espresso", "Filter Roast", "Decaf", "House Blend", "Cup", "Tin"),
        glyphs=("cup", "tin", "jug"),
        prices=(8, 22),
    ),
    "plants": Trade(
        noun="Plants",
        taglines=("Rooms that grow.", "Leaf by leaf.", "Green company."),
        goods=("Monstera", "Fig", "Snake Plant", "Fern", "Succulent", "Palm"),
        glyphs=("plant", "cactus", "sprig"),
        prices=(9, 78),
    ),
    "records": Trade(
        noun="Records",
        taglines=("Side B first.", "Warm and loud.", "Thirty-three and a third."),
        goods=("Sessions", "Live Set", "Quartet", "Dub Plate", "Ballads", "Remixes"),
        glyphs=("record", "sleeve", "player"),
        prices=(14, 39),
    ),
    "candles": Trade(
        noun="Candles",
        taglines=("Stay in tonight.", "Forty quiet hours.", "Light, poured."),
        goods=("Pillar", "Taper", "Votive", "Beeswax", "Cedar Candle", "Fig Candle"),
        glyphs=("candle", "jar", "tapers"),
        prices=(7, 42),
    ),
    "cycles": Trade(
        noun="Cycles",
        taglines=("The long way home.", "Steel is real.", "Tuned by ear."),
        goods=("Tourer", "City Bike", "Wheelset", "Racer", "Commuter", "Front Wheel"),
        glyphs=("bicycle", "wheel", "bell"),
        prices=(120, 980),
    ),
    "lamps": Trade(
        noun="Lamps",
        taglines=("Evenings, improved.", "A softer corner.", "Leave one on."),
        goods=("Table Lamp", "Pendant", "Reading Light", "Lantern", "Globe", "Desk Lamp"),
        glyphs=("lamp", "pendant", "lantern"),
        prices=(48, 290),
    ),
    "clocks": Trade(
        noun="Clocks",
        taglines=("Take your time.", "Wound weekly.", "Nothing by battery."),
        goods=("Mantel Clock", "Wall Clock", "Regulator", "Alarm", "Timer", "Chime"),
        glyphs=("clock", "mantel", "hourglass"),
        prices=(38, 420),
    ),
    "tea": Trade(
        noun="Tea House",
        taglines=("Leaves, loosely.", "Three minutes.", "Put the kettle on."),
        goods=("Oolong", "Sencha", "Assam", "Jasmine", "White Tea", "Smoked Tea"),
        glyphs=("teapot", "tin", "cup"),
        prices=(6, 46),
    ),
    "apothecary": Trade(
        noun="Apothecary",
        taglines=("Small remedies.", "From the herb garden.", "Take twice daily."),
        goods=("Tonic", "Balm", "Bitters", "Rosewater", "Salve", "Bath Salts"),
        glyphs=("bottle", "jar", "sprig"),
        prices=(9, 52),
    ),
    "orchard": Trade(
        noun="Orchard",
        taglines=("Picked this morning.", "Windfalls welcome.", "Sun, stored."),
        goods=("Apples", "Pears", "Quinces", "Cider", "Preserve", "Nectar"),
        glyphs=("apple", "pear", "jar"),
        prices=(3, 18),
    ),
    "yarn": Trade(
        noun="Yarn",
        taglines=("Knit one more row.", "Dyed in the sink.", "Soft arithmetic."),
        goods=("Merino", "Alpaca", "Linen", "Mohair", "Sock Wool", "Tweed"),
        glyphs=("yarn", "spool", "skein"),
        prices=(7, 36),
    ),
    "kites": Trade(
        noun="Kites",
        taglines=("Wait for the wind.", "Look up.", "Silk, string, sky."),
        goods=("Diamond", "Delta", "Box Kite", "Ribbon", "Glider", "Sail"),
        glyphs=("kite", "delta", "spool"),
        prices=(12, 88),
    ),
    "chairs": Trade(
        noun="Chairs",
        taglines=("Sit down a while.", "Four good legs.", "Built to be sat in."),
        goods=("Stool", "Armchair", "Rocker", "Dining Chair", "Bench Seat", "Lounger"),
        glyphs=("chair", "stool", "armchair"),
        prices=(85, 640),
    ),
}
