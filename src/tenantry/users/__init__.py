"""The people of tenants: members, confined users, staff; signing in and up."""
