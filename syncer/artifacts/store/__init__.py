"""Where a channel's artifacts are: this is the disk.

Public: ``store.Store``, which alone moves artifacts; ``staging_area.StagingArea``, where bytes are
before they are committed, by ``Store.staging``; ``claims``, for who makes a store that shares it.
"""
