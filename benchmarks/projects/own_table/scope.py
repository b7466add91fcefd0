"""The rows of the only tenant."""

from sales.models import Sale


def within(key, act, *arguments):  # noqa: ARG001  (every contender's has it)
    return act(Sale.objects, *arguments)
