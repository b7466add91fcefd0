"""Templates that a tenant may have of its own: loaders, a cache, a context processor.

`FileLoader` finds them in folders, `DatabaseLoader` in rows of the tenant's; the
`CachedLoader` around them and Django's own keeps each tenant's apart. A template of a
tenant's may extend the one of the same name that it stands in for.
"""

from tenantry.scopes.templates.cache import CachedLoader
from tenantry.scopes.templates.context import tenant
from tenantry.scopes.templates.files import FileLoader
from tenantry.scopes.templates.rows import AbstractTemplate, DatabaseLoader

__all__ = [
    "AbstractTemplate",
    "CachedLoader",
    "DatabaseLoader",
    "FileLoader",
    "tenant",
]
