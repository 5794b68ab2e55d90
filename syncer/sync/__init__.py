"""The story of a run: each channel looked at, planned, staged, committed, and told of.

Guaranteed: one channel's trouble does not hold back the others, a volume's trouble ends the run;
the run document says at every moment how far it is; a run that hangs can be told from one that
works (``pulse``).
Public: ``session.session`` and ``session.sync_channels``, ``session.Options``, ``work.Work``,
``channel.channel.ChannelSync``, ``run.Run``, ``scrub`` for ``verify``, ``report`` for people,
``recorder`` for /metrics. ``collections`` is what works above share (installers, wheels); which of
them a run has is decided in ``ops``.
"""
