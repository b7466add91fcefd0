"""The README's blocks that take a newcomer to two tenants."""

from tests.docs.pages import README, blocks

FOR_SCHEMAS = "for schemas"


def for_schemas():
    """Return the block that chooses schemas."""
    return next(b for b in blocks(README) if b.file and b.file[1] == FOR_SCHEMAS)


def steps(*, schemas=False):
    """Return the steps in order; with *schemas* chosen behind the settings."""
    found = []
    for block in blocks(README):
        is_file = block.file is not None and block.file[1] != FOR_SCHEMAS
        commands = block.info == "console" and "make demo" not in block.text
        if is_file or commands:
            found.append(block)
        if is_file and schemas and block.file[0].endswith("settings.py"):
            found.append(for_schemas())
    return found
