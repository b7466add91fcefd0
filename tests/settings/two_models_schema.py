"""People arranged as `two_models`, on the engine of `schema`."""

from tests.settings import schema
from tests.settings.arrangements import arranged

globals().update(arranged(vars(schema), "two_models"))
