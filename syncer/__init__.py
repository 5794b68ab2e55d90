"""The syncer: upstream channels -> verified artifacts on the mirror volume.

One module, one noun. The pure core is ``repodata``, ``selection``, ``plan`` and ``guard``; the
edges are ``fetch`` (HTTP), ``upstream`` (what an upstream offers), ``download`` and ``commit``
(the volume). ``sync`` tells the story of one run.
"""

__version__ = "0.1.0"
