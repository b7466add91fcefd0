from django.core.management import call_command
from shop.rows import make_rows


def make(keys):  # noqa: ARG001  (every contender's has it)
    call_command("migrate", verbosity=0)
    make_rows("plain")
