"""Django's schema editor, told in which schema a table is made."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.db.backends.postgresql import schema

from tenantry.conf import conf


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Makes tables in the tenant's schema, or in the right one of the shared two."""

    connection: Any

    def create_model(self, model: Any) -> None:
        """Create the table; the shared half of an app in both lists apart."""
        both = model._meta.app_label in conf.both_apps
        connection = self.connection
        apart = both and connection.serves_shared and connection.tenant is None
        with self.connection.shared_half() if apart else nullcontext():
            super().create_model(model)
