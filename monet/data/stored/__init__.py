"""Data sets on disk: stores, downloads, TFRecord files, and pictures of one's own."""
