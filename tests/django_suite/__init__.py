"""Runs the test suite of Django itself, with tenantry in place and without.

``make django-tests`` fetches the source distribution of the installed Django, which has
the suite, and runs it on PostgreSQL in these modes:

======== ===================================================================
mode     what runs
======== ===================================================================
`django` Django's own engine, without tenantry: what the others are held against
`shared` tenantry's engine, router and seams; all apps shared, no tenant active
`schema` all apps the tenants', and a tenant of schema isolation active throughout
`row`    the same, and a tenant of row isolation
======== ===================================================================

Without labels, `shared` runs the whole suite and the modes with a tenant run `TEN`.
What each test came to is compared test by test. A difference that `differences.toml`
does not list, or one that it lists and that is no more, fails the run.

This package starts and compares the runs; `within/` is what they import. pytest
collects nothing here.
"""

TEN = (
    "basic",
    "queries",
    "model_fields",
    "many_to_many",
    "prefetch_related",
    "transactions",
    "bulk_create",
    "aggregation",
    "schema",
    "migrations",
)
BASELINE = "django"
MODES = ("shared", "schema", "row")
