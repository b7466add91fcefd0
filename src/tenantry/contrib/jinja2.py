"""Jinja2: an environment in which a tenant may have templates of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    Template,
    TemplateNotFound,
)

from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence
    from pathlib import Path

    from jinja2.environment import TemplateModule
    from jinja2.runtime import Context

__all__ = ["TenantEnvironment"]

PLACEHOLDER = re.compile(r"\{(key|kind)\}")
# Jinja2 keeps templates by name: a tenant's own have names that nobody else's have.
OWN, COMMON = "tenantry:own:", "tenantry:common:"


class TenantTemplate(Template):
    """A template that, imported by a tenant's, is evaluated for it.

    Jinja2 keeps what a template imported without context defines, for all who import
    it later. Everybody's macros may have imported in their turn what is a tenant's own.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        if ACTIVE.get() is None:
            return super()._get_default_module(ctx)
        return self.make_module(self._new_globals(ctx))

    async def _get_default_module_async(
        self, ctx: Context | None = None
    ) -> TemplateModule:
        if ACTIVE.get() is None:
            return await super()._get_default_module_async(ctx)
        return await self.make_module_async(self._new_globals(ctx))

    def _new_globals(self, ctx: Context | None) -> dict[str, Any]:
        """Return the globals of the importing template that this one has not."""
        if ctx is None:
            return {}
        return {k: ctx.parent[k] for k in ctx.globals_keys - self.globals.keys()}


class TenantEnvironment(Environment):
    """Looks a template up in the tenant's folders first, and keeps each tenant's apart.

    *tenant_dirs* are the folders, each with `{key}`, `{kind}` or both in it; the other
    arguments are Jinja2's. What a tenant lacks is everybody's, compiled once.
    """

    template_class = TenantTemplate

    def __init__(
        self,
        *,
        tenant_dirs: Sequence[str | Path] = (),
        loader: BaseLoader | None = None,
        **options: Any,
    ) -> None:
        self.tenant_dirs = [str(each) for each in tenant_dirs]
        for each in self.tenant_dirs:
            if not PLACEHOLDER.search(each):
                msg = f"tenant_dirs has {each!r}: put '{{key}}' or '{{kind}}' into it."
                raise ImproperlyConfigured(msg)
        others = [] if loader is None else [loader]
        whole = ChoiceLoader([FunctionLoader(self._read), *others])
        super().__init__(loader=whole, **options)

    def _own_name(self, name: str) -> str | None:
        """Return the name by which the active tenant's template is kept."""
        ref = ACTIVE.get()
        if ref is None or not self.tenant_dirs:
            return None
        return f"{OWN}{ref.key}:{name}"

    def _read(self, name: str) -> tuple[str, str | None, Callable[[], bool]] | None:
        """Return the source of the active tenant's template."""
        ref = ACTIVE.get()
        if ref is None or not name.startswith(OWN):
            return None
        facts = {"key": ref.key, "kind": ref.kind}
        dirs = [
            PLACEHOLDER.sub(lambda found: facts[found[1]], each)
            for each in self.tenant_dirs
        ]
        bare = name.removeprefix(f"{OWN}{ref.key}:")
        try:
            return FileSystemLoader(dirs).get_source(self, bare)
        except TemplateNotFound:
            return None

    def _load_template(
        self,
        name: str,
        globals: MutableMapping[str, Any] | None,  # noqa: A002  (Jinja2's)
    ) -> Template:
        """Return the tenant's own template, else everybody's."""
        if name.startswith(OWN):
            raise TemplateNotFound(name)  # asked for by hand: another tenant's, maybe
        own = None if name.startswith(COMMON) else self._own_name(name)
        if own is not None:
            try:
                return super()._load_template(own, globals)
            except TemplateNotFound as error:
                if error.name != own:
                    raise
        return super()._load_template(name.removeprefix(COMMON), globals)

    def join_path(self, template: str, parent: str) -> str:
        """Return the name; that of everybody's, where the tenant's own extends it."""
        return COMMON + template if parent == self._own_name(template) else template
