"""What runs inside Django's own test suite, in a process of its own."""
