"""People arranged as `two_models`, on the engine of `sqlite`."""

from tests.settings import sqlite
from tests.settings.arrangements import arranged

globals().update(arranged(vars(sqlite), "two_models"))
