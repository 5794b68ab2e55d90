"""The search's data: all names of each channel, and the builds of each name, as static files.

Guaranteed: ``search.json`` lists only files that are on the volume, durably; a file never changes
under its name. Not guaranteed: that the data is of the generation that is published this moment; a
page that finds a file gone begins again from ``search.json``.

``catalog`` and ``index`` are pure; ``writer`` writes.
"""

from indexer.site.search.writer import Search, Writer, is_complete

__all__ = ["Search", "Writer", "is_complete"]
