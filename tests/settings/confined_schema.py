"""People arranged as `confined`, on the engine of `schema`."""

from tests.settings import schema
from tests.settings.arrangements import arranged

globals().update(arranged(vars(schema), "confined"))
