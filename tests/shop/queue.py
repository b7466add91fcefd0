"""A queue of tasks that the tenants' app would keep; for the checks."""

from tests.scopes.queue import Queue as Kept


class Queue(Kept):
    """The same as any, in this app."""
