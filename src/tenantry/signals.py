"""The signals that tenantry sends; logging, counting and seeding are receivers.

`tenant_provisioned(sender, tenant)`: sent with the tenant active, when its tables are
there and before it becomes routable: the place to seed rows. An error in a receiver
undoes the provisioning.

`tenant_dropped(sender, key)`: sent when nothing of the tenant is left.

`lifecycle_step(sender, key, action, step, done)`: before (`done=False`) and after
(`done=True`) each recorded step of provisioning and dropping.

`tenant_resolved(sender, request, tenant)`: a request was resolved to a tenant.

`tenant_migrated(sender, ref, plan)`: `tenants migrate` brought the tenant of that
`TenantRef` up to date.

`audited(sender, entry)`: an `AuditEntry` was written and is committed: the place to
forward it. An error in a receiver is logged.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = [
    "audited",
    "lifecycle_step",
    "tenant_dropped",
    "tenant_migrated",
    "tenant_provisioned",
    "tenant_resolved",
]

tenant_provisioned = Signal()
tenant_dropped = Signal()
lifecycle_step = Signal()
tenant_resolved = Signal()
tenant_migrated = Signal()
audited = Signal()
