"""The site: what people and machines find at ``/``, made of static files.

Guaranteed: every file is whole, tells of what is published and not of what is planned, and refers
only to files that are there; the page needs nothing from outside, and a text that comes from
elsewhere is never markup (``templates``). Not guaranteed: that it is of this second; an old
``status.json`` tells by its age that nobody writes it any more.

``page``, ``templates``, ``status_json``, ``clients``, ``facts`` and ``assets`` are pure; ``gather``
looks at the volumes, ``search`` and ``site_files`` write.
"""

from indexer.site.site_files import refresh, write

__all__ = ["refresh", "write"]
