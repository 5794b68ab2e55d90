"""What the two programs share as programs: settings, log, metrics, stopping, words for people.

Guaranteed: the standard library only, and nothing here touches a volume. A setting is defined once,
as a field (``settings``); what is logged or shown has no credential and nothing that a terminal
would obey (``log``, ``printable``); a stop is heard at every moment (``stop``).
"""
