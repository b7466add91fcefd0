"""Values of DATABASES[...]["ENGINE"]."""
