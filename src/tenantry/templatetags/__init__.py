"""Tags for templates of tenants."""
