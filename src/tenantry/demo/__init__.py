"""A thousand small shops in one Django project: `python -m tenantry.demo`."""
