"""Turns a request into a tenant: the values of `TENANTRY["RESOLVERS"]`."""

from tenantry.routing.resolvers import (
    SHARED,
    DomainResolver,
    HeaderResolver,
    PathResolver,
    Resolution,
    Resolver,
    SessionResolver,
    SubdomainResolver,
)

__all__ = [
    "SHARED",
    "DomainResolver",
    "HeaderResolver",
    "PathResolver",
    "Resolution",
    "Resolver",
    "SessionResolver",
    "SubdomainResolver",
]
