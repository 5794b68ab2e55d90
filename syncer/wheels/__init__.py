"""Wheels and sdists, exactly as lock files name them, and a static simple index over them.

Guaranteed: what is served has the sha256 that a lock file gives; files and index change in one
step; what can't be had, or is not named with an address and a hash, is left out and named. It is
no proxy: what no lock file names is not there.
Public: ``wheels_sync.WheelsSync``, a part of a run (``sync.work``), and ``rehash``, its part of
``verify``. ``filename`` and ``metadata`` read what a file says of itself, ``changes`` compares what
is wanted with what is there, ``published`` writes it, with the ``pages`` of the index.
"""
