"""`tenantry.backends.postgresql`: Django's engine, each statement with its tenant."""
