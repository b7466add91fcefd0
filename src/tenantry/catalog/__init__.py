"""Which tenants there are: their rows, domains and states, and the cache of them."""
