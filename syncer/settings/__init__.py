"""What a person told this mirror: settings, policies of channels, environments, secrets.

Guaranteed: read once, every problem reported together with its next step; without a person's word
nothing leads to a host whose terms ask for one; a secret in a setting is masked in every message.

Public: ``settings.read`` and ``Settings``, ``policy`` (what to mirror of a channel), ``secrets``,
``rate`` (bytes per second by the time of day), ``terms.needs_word``, ``reach`` (which names a
policy can want at all), ``permission``.
"""
