"""The tests of a user's project, run by `tests/testing` in processes of their own."""
