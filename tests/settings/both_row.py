"""People arranged as `both`, on the engine of `row`."""

from tests.settings import row
from tests.settings.arrangements import arranged

globals().update(arranged(vars(row), "both"))
