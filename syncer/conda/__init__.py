"""The field's own things: repodata, records, shards, MatchSpecs, versions, licences. Pure.

Guaranteed: a malformed record is left out and named, the others stand; a record stays the JSON text
that upstream wrote; text from elsewhere passes ``volume.limits`` before py-rattler has it, as
``matchspec.parse`` and ``version_of`` are the ways to it.

Public: ``repodata`` (an index and its entries), ``record`` (what a record says), ``shards``,
``body`` (uncompressing), ``entries`` (of what stands beside the records), ``matchspec`` (as
py-rattler reads it), ``written`` (what people may write as one), ``spec`` (asked about many
records), ``expression`` (of licences and of conditions), ``license``, ``filename`` (what is known
without a record).
"""
