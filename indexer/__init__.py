"""The indexer: verified artifacts on the mirror volume -> a published generation.

Its rooms, from the top to the ground; a room imports only rooms below it:

- ``ops``: what a person or the container starts;
- ``site``: what people and machines find at ``/``;
- ``story``: one channel's index, from what is committed to what is published;
- ``verify``: a generation is compared with what is committed before anybody sees it;
- ``engines``: who writes an index, ``conda index`` or our own writer, and what both need;
- ``records``: what is to be listed, out of the ledger and people's own packages;
- ``generations``: the served tree: how a generation is started, published, kept and chosen;
- ``base``: what all of them need, pure but for looking which channels there are.
"""
