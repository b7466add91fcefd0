"""Users who are a tenant's own."""
