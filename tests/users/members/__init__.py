"""Shared users who are members of tenants."""
