"""The verbs of `manage.py tenants`: each parses, calls and prints; nothing more."""
