"""Imports a user's own pictures: a folder, a ZIP or a file of arrays becomes a store."""

from monet.data.stored.own.adding import AddError, add
from monet.data.stored.own.report import Report
from monet.data.stored.own.zips import ZipError, open_zip

__all__ = ["AddError", "Report", "ZipError", "add", "open_zip"]
