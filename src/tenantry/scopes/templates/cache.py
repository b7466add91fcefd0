"""The cached loader that keeps each tenant's own templates apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models.signals import post_delete, post_save
from django.template import TemplateDoesNotExist
from django.template.loaders import base, cached

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.scopes.templates.rows import DatabaseLoader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.template import Origin, Template
    from django.template.engine import Engine

MOST = 50_000


class _Recent(dict[Any, Any]):
    """The most recent entries, so that many tenants do not fill the memory."""

    most: ClassVar[int] = MOST

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > self.most:
            self.pop(next(iter(self)), None)


class _OwnTemplates(cached.Loader):
    """Django's cache, of tenants' own templates: its keys begin with the tenant's.

    What a tenant lacks is kept as well. Every `CATALOG_REFRESH_SECONDS` the loaders are
    asked whether something of this tenant's changed, by another process maybe.
    """

    def __init__(self, engine: Engine, loaders: Sequence[Any]) -> None:
        super().__init__(engine, [])
        self.loaders: list[Any] = list(loaders)
        self.get_template_cache = _Recent()
        self._stamps: dict[str, tuple[float, object, int]] = _Recent()
        self._changes = 0

    def cache_key(self, template_name: str, skip: Any = None) -> str:
        """Return Django's key, below the tenant's and the state of its templates."""
        ref = ACTIVE.get()
        key = "" if ref is None else ref.key
        own = super().cache_key(template_name, skip)
        return f"{key}:{self._state(key)}:{own}"

    def _state(self, key: str) -> int:
        """Return a number that is another after the tenant's templates changed."""
        due, stamp, state = self._stamps.get(key, (0.0, None, -1))
        now = time.monotonic()
        if now >= due:
            found = [loader.stamp() for loader in self.loaders]
            if found != stamp or state < 0:
                self._changes += 1
                state = self._changes
            self._stamps[key] = (now + conf.catalog_refresh_seconds, found, state)
        return state

    def forget(self) -> None:
        """Look again at the active tenant's templates: one was saved or deleted."""
        ref = ACTIVE.get()
        self._stamps.pop("" if ref is None else ref.key, None)

    def reset(self) -> None:
        """Forget all templates, of every tenant."""
        super().reset()
        self._stamps.clear()


class CachedLoader(base.Loader):
    """Keeps compiled templates as Django's cached loader does, each tenant's apart.

    Loaders that know the tenant are asked first, wherever they stand in *loaders*; what
    the others find is compiled once for all tenants.
    """

    def __init__(self, engine: Engine, loaders: Sequence[Any]) -> None:
        super().__init__(engine)
        made = engine.get_template_loaders(loaders)
        knowing = [each for each in made if getattr(each, "knows_tenant", False)]
        self.own = _OwnTemplates(engine, knowing)
        self.common = cached.Loader(engine, [])
        self.common.loaders = [each for each in made if each not in knowing]
        for loader in knowing:
            if isinstance(loader, DatabaseLoader):
                post_save.connect(self._changed, sender=loader.model)
                post_delete.connect(self._changed, sender=loader.model)

    def _changed(self, **_: object) -> None:
        self.own.forget()

    def get_dirs(self) -> Iterator[Any]:
        """Return the folders of all loaders, for Django's autoreload."""
        yield from self.own.get_dirs()
        yield from self.common.get_dirs()

    def get_contents(self, origin: Any) -> str:
        """Return the source, as the loader that found it reads it."""
        contents: str = origin.loader.get_contents(origin)
        return contents

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        """Return where the template may be, the tenant's own places first."""
        yield from self.own.get_template_sources(template_name)
        yield from self.common.get_template_sources(template_name)

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        """Return the tenant's own template of that name, else everybody's.

        Raises `TemplateDoesNotExist` where there is none.
        """
        tried: list[Any] = []
        if ACTIVE.get() is not None and self.own.loaders:
            try:
                return self.own.get_template(template_name, skip)
            except TemplateDoesNotExist as error:
                tried = error.tried
        # A tenant's own are not among these: their keys are the same for all.
        loaders = self.common.loaders
        left = None if skip is None else [o for o in skip if o.loader in loaders]
        try:
            return self.common.get_template(template_name, left)
        except TemplateDoesNotExist as error:
            raise TemplateDoesNotExist(
                template_name, tried=[*tried, *error.tried], backend=error.backend
            ) from None

    def reset(self) -> None:
        """Forget all templates, of every tenant."""
        self.own.reset()
        self.common.reset()
