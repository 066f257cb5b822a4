"""Weights files: reading, writing, importing, verifying and downloading them."""
