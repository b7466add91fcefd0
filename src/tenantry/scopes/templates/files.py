"""The loader of templates in folders, one or several for each tenant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.template.loaders import filesystem

from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.template import Origin
    from django.template.engine import Engine

PLACEHOLDER = re.compile(r"\{(key|kind)\}")


class FileLoader(filesystem.Loader):
    """Loads templates from folders of the tenant's: `BASE_DIR / "tenants" / "{key}"`.

    Each of *dirs* holds `{key}`, `{kind}` or both. A name that would lead out of the
    folder is not found there, as with Django's own.
    """

    knows_tenant = True
    """Found here is the active tenant's, and another's elsewhere."""

    def __init__(self, engine: Engine, dirs: Sequence[str | Path]) -> None:
        super().__init__(engine)
        self.patterns = [str(each) for each in dirs]
        for pattern in self.patterns:
            if not PLACEHOLDER.search(pattern):
                msg = (
                    f"FileLoader has {pattern!r}, which is the same for all tenants. "
                    "Put '{key}' or '{kind}' into it, or give it to Django's own "
                    "filesystem.Loader."
                )
                raise ImproperlyConfigured(msg)

    def get_dirs(self) -> list[Any]:
        """Return the tenant's folders; with none active the folders they are in.

        With no tenant active Django's autoreload asks, to watch what is below.
        """
        ref = ACTIVE.get()
        if ref is None:
            return [_fixed_part(each) for each in self.patterns]
        facts = {"key": ref.key, "kind": ref.kind}
        return [
            PLACEHOLDER.sub(lambda found: facts[found[1]], each)
            for each in self.patterns
        ]

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        """Return where the tenant's template would be; with none active, nowhere."""
        if ACTIVE.get() is None:
            return iter(())
        return super().get_template_sources(template_name)

    def stamp(self) -> object:
        """Return what changes with the tenant's templates: files are for a release."""
        return None


def _fixed_part(pattern: str) -> Path:
    """Return the folder above the first that is another for each tenant."""
    parts = Path(pattern).parts
    changing = next(n for n, part in enumerate(parts) if PLACEHOLDER.search(part))
    return Path(*parts[:changing])
