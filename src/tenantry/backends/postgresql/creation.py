"""Makes test databases by the role that owns the tables, where another one serves."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.postgresql import creation

from tenantry.isolation.owner import owners

Base: Any = creation.DatabaseCreation  # django-stubs do not know all of it


class DatabaseCreation(Base):  # type: ignore[misc]
    """Django's own, as the owner: the serving role may not make databases."""

    connection: Any

    def _nodb_cursor(self) -> Any:
        owner = owners[self.connection.configured_alias]
        if owner == self.connection.configured_alias:
            return super()._nodb_cursor()
        return connections[owner]._nodb_cursor()  # noqa: SLF001  (Django's own)

    def _owner(self) -> Any:
        return connections[owners[self.connection.configured_alias]]

    def _create_test_db(self, *args: Any, **kwargs: Any) -> Any:
        """Make the database, and lead the owner there: what comes next is migrating."""
        made = super()._create_test_db(*args, **kwargs)
        self._owner().settings_dict["NAME"] = self._get_test_db_name()
        return made

    def _clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Copy the database; nobody may be in it meanwhile, the owner neither."""
        self._owner().close()
        super()._clone_test_db(*args, **kwargs)

    def setup_worker_connection(self, _worker_id: Any) -> None:
        """Lead a worker's connections to its copy, the owner's too."""
        super().setup_worker_connection(_worker_id)
        owner = self._owner()
        owner.settings_dict["NAME"] = self.connection.settings_dict["NAME"]
        owner.close()

    def _destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        """Remove the database, when the owner has left it."""
        self._owner().close()
        super()._destroy_test_db(*args, **kwargs)
