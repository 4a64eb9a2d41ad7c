"""People's own pictures: a folder, a ZIP or a file of arrays becomes a store."""

from monet.data.own.adding import AddError, add
from monet.data.own.report import Report
from monet.data.own.zips import ZipError, open_zip

__all__ = ["AddError", "Report", "ZipError", "add", "open_zip"]
