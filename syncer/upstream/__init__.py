"""What upstream offers of one channel: asked at several base URLs, judged, remembered.

``channel`` is what the rest of the syncer uses; ``reader`` does the IO, ``memory`` keeps what was
read, ``shards``, ``age``, ``location`` and ``body`` are pure.
"""
