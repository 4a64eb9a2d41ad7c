"""Visitors' own pictures: a folder or a ZIP file that is dropped in the page becomes a data set of this machine."""
