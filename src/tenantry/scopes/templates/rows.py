"""The loader of templates in the tenant's own rows, and the model of such a row."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.template import Origin, TemplateDoesNotExist
from django.template.loaders import base

from tenantry.conf import conf
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.template.engine import Engine

    from tenantry.types import TenantRef


class AbstractTemplate(models.Model):
    """A template in a row: `class Page(AbstractTemplate): pass`, in a tenant app."""

    name = models.CharField(
        max_length=200, unique=True, help_text="As views name it: 'shop/home.html'."
    )
    content = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True, editable=False, db_index=True)

    class Meta:
        abstract = True
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DatabaseLoader(base.Loader):
    """Loads templates from rows of a tenant app's model, an `AbstractTemplate`.

    *names* are patterns (`"mail/*"`) of those that may be there; all, unless given.
    Whoever may write such rows writes code: see the how-to guide.
    """

    knows_tenant = True

    def __init__(
        self, engine: Engine, model: str, names: Iterable[str] = ("*",)
    ) -> None:
        super().__init__(engine)
        if isinstance(names, str):
            # Its letters would be the patterns, and "*" one of them.
            msg = f"DatabaseLoader takes a list of names: [{names!r}], not {names!r}."
            raise ImproperlyConfigured(msg)
        self.label = model
        self.names = tuple(names)

    @property
    def model(self) -> Any:
        """The model that was named."""
        try:
            found = apps.get_model(self.label)
        except (LookupError, ValueError) as error:
            msg = f"DatabaseLoader has {self.label!r}, which is no model: {error}"
            raise ImproperlyConfigured(msg) from error
        if not issubclass(found, AbstractTemplate):
            msg = f"{self.label} is no AbstractTemplate, as DatabaseLoader needs it."
            raise ImproperlyConfigured(msg)
        if not conf.in_tenants(found._meta.app_label):
            msg = (
                f"DatabaseLoader has {self.label!r}, and tenants have no such table: "
                f"put {found._meta.app_label!r} into TENANT_APPS."
            )
            raise ImproperlyConfigured(msg)
        return found

    def _serves(self, ref: TenantRef | None) -> bool:
        """Whether the tenant has such rows."""
        return ref is not None and self.model._meta.app_label in conf.apps_of(ref.kind)

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        """Return the row in which the tenant's template would be."""
        ref = ACTIVE.get()
        if ref is not None and self._serves(ref):
            name = str(template_name)
            if any(fnmatchcase(name, pattern) for pattern in self.names):
                where = f"{ref.label}/{self.label}/{name}"
                yield Origin(name=where, template_name=template_name, loader=self)

    def get_contents(self, origin: Origin) -> str:
        """Return what the row holds."""
        rows = self.model._default_manager.filter(name=str(origin.template_name))
        content: str | None = rows.values_list("content", flat=True).first()
        if content is None:
            raise TemplateDoesNotExist(str(origin.template_name))
        return content

    def stamp(self) -> object:
        """Return what changes with the tenant's templates: one small query."""
        if not self._serves(ACTIVE.get()):
            return None
        rows = self.model._default_manager.order_by()
        return rows.aggregate(models.Count("pk"), models.Max("changed_at"))
