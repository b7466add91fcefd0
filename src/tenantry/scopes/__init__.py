"""Services of Django that ask for the active tenant when used, one a module."""
