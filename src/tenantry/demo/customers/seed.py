"""Fills a new shop: what it is, what it sells, what it tells, who may sign in.

Every shop's rows have the same primary keys, and every owner the same password: if one
shop could see another's rows, nothing but their content would tell.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import connection, transaction

from tenantry import override_tenant
from tenantry.demo.customers.names import trade_of
from tenantry.demo.shop.looks import BACKDROPS, MIXES, dice, look_of
from tenantry.demo.shop.models import Post, Product, Shop
from tenantry.demo.shop.trades import ABOUTS, ADJECTIVES, BLURBS, POSTS, TRADES
from tenantry.users.people import people_of
from tenantry.users.roles import OWNER

if TYPE_CHECKING:
    from random import Random

    from django.db.models import Model

    from tenantry.models import AbstractTenant

PRODUCTS = 8
PASSWORD = "demo"  # noqa: S105  (shown on every page)
STAFF = "staff"
HALF = Decimal("0.5")
SPRING = dt.date(2026, 3, 1)


def mark_of(key: str) -> str:
    """Return the mark of that tenant's rows, which nothing else can tell it by."""
    salt = settings.DEMO_SEED.encode()
    return hashlib.blake2b(key.encode(), key=salt, digest_size=5).hexdigest()


def article_of(key: str, number: int) -> str:
    """Return the article number of that tenant's product."""
    return f"{mark_of(key)}-{number:02}"


def seed(*, tenant: AbstractTenant, **_: Any) -> None:
    """Fill the active tenant; a receiver of `tenant_provisioned`."""
    throw = dice(tenant.key)
    _owner(tenant)
    with transaction.atomic():
        _shop(tenant, throw).save(force_insert=True)
        Product.objects.bulk_create(_products(tenant.key, throw))
        Post.objects.bulk_create(_posts(throw))
        _let_sequences_follow(Product, Post)


def _owner(tenant: AbstractTenant) -> None:
    """Make the shop's owner: a user of its own, or a shared one who is a member.

    Who signs up for a shop is its owner already.
    """
    people = people_of(tenant)
    if people.all():
        return
    facts: dict[str, Any] = {
        "username": tenant.key,
        "email": f"{tenant.key}@example.com",
        "password": _password_hash(),
    }
    if settings.DEMO_USERS in {"confined", "both"}:
        facts["pk"] = 1
        with transaction.atomic():
            user = User.objects.create(**facts)
            _let_sequences_follow(User)
    else:
        with override_tenant(None):
            user = User.objects.create(**facts)
    people.add(user, OWNER)


def make_staff() -> None:
    """Make the one who supports all shops, at the shared site."""
    User.objects.create(
        username=STAFF,
        email=f"{STAFF}@example.com",
        password=_password_hash(),
        is_staff=True,
        is_superuser=True,
    )


def _let_sequences_follow(*models: type[Model]) -> None:
    """Let the next row of each get a key behind those that were given here."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


@cache
def _password_hash() -> str:
    """Hash the password once: hashing is slow by design."""
    return make_password(PASSWORD)


def _shop(tenant: AbstractTenant, throw: Random) -> Shop:
    look = look_of(tenant.key)
    return Shop(
        name=tenant.name,
        tagline=throw.choice(TRADES[trade_of(tenant.key)].taglines),
        about=throw.choice(ABOUTS),
        hue=look.hue,
        second_hue=look.second_hue,
        scheme=look.scheme,
        layout=look.layout,
        typeface=look.typeface,
        mark=mark_of(tenant.key),
    )


def _products(key: str, throw: Random) -> list[Product]:
    trade = TRADES[trade_of(key)]
    adjectives = throw.sample(ADJECTIVES, PRODUCTS)
    blurbs = throw.sample(BLURBS, PRODUCTS)
    backdrops = throw.sample(BACKDROPS, PRODUCTS)
    glyphs = throw.sample(sorted(trade.goods), len(trade.goods))
    first_mix = throw.randrange(MIXES)
    products = []
    for place in range(PRODUCTS):
        lap, turn = divmod(place, len(glyphs))
        glyph = glyphs[turn]
        nouns = trade.goods[glyph]
        prices = trade.other_prices.get(glyph, trade.prices)
        products.append(
            Product(
                pk=place + 1,
                name=f"{adjectives[place]} {nouns[lap % len(nouns)]}",
                blurb=blurbs[place],
                price=throw.randint(*prices) + throw.choice((0, HALF)),
                article=article_of(key, place + 1),
                glyph=glyph,
                backdrop=backdrops[place],
                mix=(first_mix + place) % MIXES,
            )
        )
    return products


def _posts(throw: Random) -> list[Post]:
    return [
        Post(
            pk=number,
            title=title,
            body=body,
            published=SPRING + dt.timedelta(days=throw.randrange(150)),
        )
        for number, (title, body) in enumerate(throw.sample(POSTS, 3), start=1)
    ]
