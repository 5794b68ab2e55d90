"""What upstream offers of a channel: asked at several base URLs, judged, remembered.

Guaranteed: an index that is believed is whole, and none older than the one that we have; of its
variants the freshest that can be had; what is refused on the way is said. Addresses that an index
names are http or https. What is remembered is a cache: losing it costs downloads.
Not guaranteed: that an upstream that lags by changes to records alone is noticed.

Public: ``ChannelUpstream`` (``channel_upstream``), ``Fetched`` and ``origin_of`` (``fetched``),
``artifact_urls`` (``location``), ``Cache`` (``cache``). All bytes come through ``transport.fetch``.
"""
