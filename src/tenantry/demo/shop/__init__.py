"""One shop, its products and its journal; written as if there were no other."""
