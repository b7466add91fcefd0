"""Seam of caches: the one that Django has where a project chose none."""

from __future__ import annotations

from typing import Any

from django.core.cache import CacheHandler, caches

from tenantry.conf import conf
from tenantry.scopes.cache import make_key
from tenantry.seams.substitution import seam, wrap


@seam
def a_cache_that_nobody_chose_knows_the_tenant() -> None:
    """Without CACHES Django keeps values in memory, which libraries then use."""

    def with_tenant(cache: Any) -> Any:
        if not conf.chose_caches:
            cache.key_func = make_key
        return cache

    def create_connection(original: Any, self: Any, alias: str) -> Any:
        return with_tenant(original(self, alias))

    wrap(CacheHandler, "create_connection", create_connection)
    for early in caches.all(initialized_only=True):
        with_tenant(early)
