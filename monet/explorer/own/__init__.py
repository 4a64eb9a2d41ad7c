"""Visitors' own pictures: turns an uploaded folder or ZIP file into a data set, and decomposes galleries into files."""
