"""Staff: users of the shared site, of a model of their own."""
