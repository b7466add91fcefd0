"""How a tenant's rows are kept apart: the values of PLACEMENTS[...]["BACKEND"]."""

from tenantry.isolation.base import Isolation, Template
from tenantry.isolation.database import DatabaseIsolation
from tenantry.isolation.handler import isolations
from tenantry.isolation.row import RowIsolation
from tenantry.isolation.schema import SchemaIsolation

__all__ = [
    "DatabaseIsolation",
    "Isolation",
    "RowIsolation",
    "SchemaIsolation",
    "Template",
    "isolations",
]
