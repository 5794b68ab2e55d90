"""What is published whole, beside the channels: installers, wheels. What they have in common.

Guaranteed: a collection changes in one step, and nothing in it is unverified; whatever a crash
leaves is removed by the next run. Callers hold the sync lock; nobody else writes here.

Public: ``downloads.download``, ``publication`` (publish, sweep), ``rehash`` (its part of verify).
What is wanted in a collection, and what stands in its list, is decided by each room above.
"""
