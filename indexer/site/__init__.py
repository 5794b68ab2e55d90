"""The site: what people and machines find at ``/``, made of static files.

``page`` (with ``sections`` and ``markup``), ``status``, ``clients``, ``setup_script``, ``index``,
``catalog`` and ``facts`` are pure; ``gather`` looks at the volumes, ``search``
and ``publication`` write. ``assets`` holds style and scripts.
"""

from indexer.site.publication import refresh, write

__all__ = ["refresh", "write"]
