"""The ledger: what is committed of a channel, in one SQLite file.

Guaranteed: transactions are atomic and durable, rows that are published prove themselves, and a
ledger of an older version is upgraded where it is opened first. ``Ledger`` reads; ``artifact`` has
what its rows say.
"""
