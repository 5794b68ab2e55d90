"""The disk: whatever changes the volumes goes through here.

Guaranteed: each operation is whole or not done, a numbered fault point, and says in plain words
what a volume refused. ``files`` and ``folder`` change names and bytes, ``documents`` are small JSON
files, ``database`` is for SQLite.
"""
