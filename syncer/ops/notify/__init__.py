"""Tells people what happened: by a webhook, by a command, or both.

``event`` decides what is worth telling and is pure; ``hook`` delivers; ``notices`` remembers what
was told, so that the same trouble is told once and not every night.

Guaranteed: nothing here makes a sync fail or wait for more than about a minute; a notice that could
not be delivered is tried again after the next sync. Secrets are masked in what is sent.
"""
