"""What is to be listed, out of the ledger and people's own packages.

``listing`` and ``rows`` say what the next generation holds; ``refused`` what it must not, as a row
of the ledger is damaged or no document can hold it; ``local``, ``members``, ``package`` and
``record_cache`` know people's own packages; ``known_names`` what was written before.

Guaranteed: everybody who writes or verifies reads the same rows; nothing here changes the ledger.

Its public names: ``listing.Listing``, ``rows.Rows``, ``record_cache.RecordCache``,
``known_names.KnownNames``.
"""
