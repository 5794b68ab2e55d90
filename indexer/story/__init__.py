"""One channel's index, from what is committed to what is published.

Guaranteed: until the swap nothing that anybody sees is touched, so whatever goes wrong ends with
the old generation still served; whatever one record or one file of people's own holds, the rest of
the channel is published with every output, and what is left out is named.

Its public names: ``index.index_channel``, ``index.has_work``, ``index.Outcome``, and ``index_run``
for what became of each channel.
"""
