"""The search's data: all names of each channel, and the builds of each name, as static files.

Guaranteed: ``search.json`` lists only files that are on the volume, durably; a file never changes
under its name. Not guaranteed: that the data is of the generation that is published this moment; a
page that finds a file gone begins again from ``search.json``.

``buckets`` and ``search_json`` are pure; ``search_writer`` writes.
"""

from indexer.site.search.search_writer import Search, SearchWriter, is_complete

__all__ = ["Search", "SearchWriter", "is_complete"]
