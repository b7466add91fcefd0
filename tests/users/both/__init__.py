"""Shared staff, and users of tenants' own."""
