"""The people of tenants, by where they are: a folder for each arrangement."""
