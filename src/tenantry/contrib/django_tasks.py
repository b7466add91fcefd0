"""The package `django-tasks`: its tasks run in the tenant they were enqueued in.

It is Django's own `django.tasks` for Django 5.2. Name the configuration below in
`INSTALLED_APPS`, beside `django_tasks`.
"""

from __future__ import annotations

from django.apps import AppConfig

from tenantry.conf import conf

__all__ = ["TenantTasksConfig"]


class TenantTasksConfig(AppConfig):
    """Lets tasks of `django_tasks` carry their tenant, if the scope `tasks` is on."""

    name = "tenantry.contrib.django_tasks"
    label = "tenantry_django_tasks"

    def ready(self) -> None:
        """Substitute in `django_tasks` what tenantry substitutes in `django.tasks`."""
        from tenantry.seams.tasks import substitute  # noqa: PLC0415  (needs models)

        if conf.has_scope("tasks"):
            substitute("django_tasks")
