"""What runs unattended: ``schedule`` starts supercronic and stops its jobs, ``watch`` looks on.

Guaranteed: SIGTERM reaches every job, which commits what it has; a silence of HEALTH_HOURS is told,
whatever the reason. Public: ``schedule.run``; ``jitter.wait``, a sync's own offset to it.
"""
