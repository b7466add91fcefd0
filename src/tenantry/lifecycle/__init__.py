"""What is done to one tenant: provisioned, adopted, dropped; in steps that resume."""
