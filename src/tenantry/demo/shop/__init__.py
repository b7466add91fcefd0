"""The tenants' app: one shop, its products and its journal; knows of no tenant."""
