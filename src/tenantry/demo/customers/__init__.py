"""The shared app: which shops there are, and the site that lists them."""
