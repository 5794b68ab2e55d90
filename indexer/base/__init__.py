"""What all rooms need: the names in an index, versions and MatchSpecs, settings, errors.

Guaranteed: pure, but for ``channels``, which looks which channels there are, and ``bzip2``; nothing
here knows of another room.

Its public names: ``volumes.Volumes``, ``settings.Settings``, ``repodata``, ``matchspec``,
``errors``.
"""
