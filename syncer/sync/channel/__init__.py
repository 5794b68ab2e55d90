"""One channel's part of a run, and what stands beside its artifacts and its index.

Public: ``channel.ChannelSync``. The rest is its own: ``upkeep`` (what a run does about the past),
``beside_artifacts`` (sidecars) and ``beside_index`` (run_exports, channeldata, notices).
"""
