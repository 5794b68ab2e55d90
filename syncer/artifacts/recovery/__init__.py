"""Bytes and rows that do not know of each other, made whole again.

``strays.Sweep`` deals with files that no row knows, ``restore.Restoration`` with rows that a lost
or older state does not have, from what is published. Guaranteed: nothing is listed because it is
merely there.
"""
