"""People arranged as `confined`, on the engine of `row`."""

from tests.settings import row
from tests.settings.arrangements import arranged

globals().update(arranged(vars(row), "confined"))
