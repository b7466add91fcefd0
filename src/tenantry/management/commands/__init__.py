"""The commands: `tenants`, and Django's `migrate` with one line more."""
