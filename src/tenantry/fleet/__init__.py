"""What is done to many tenants at once: chosen, run, migrated."""
