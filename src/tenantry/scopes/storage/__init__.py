"""Files: a storage around any other, in which each tenant has a folder of its own."""

from __future__ import annotations

from tenantry.scopes.storage.contents import Usage, usage
from tenantry.scopes.storage.media import TenantMediaView, serve_media
from tenantry.scopes.storage.wrapper import TenantStorage

__all__ = ["TenantMediaView", "TenantStorage", "Usage", "serve_media", "usage"]
