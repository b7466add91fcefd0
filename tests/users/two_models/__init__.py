"""Shared staff of a model of their own, and users of tenants' own."""
