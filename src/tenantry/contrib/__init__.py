"""Foreign libraries, one a module, named after it; nothing else here imports them."""
