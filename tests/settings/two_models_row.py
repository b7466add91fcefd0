"""People arranged as `two_models`, on the engine of `row`."""

from tests.settings import row
from tests.settings.arrangements import arranged

globals().update(arranged(vars(row), "two_models"))
