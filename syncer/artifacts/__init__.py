"""The artifacts: bytes on the mirror volume, and the ledger's rows of them.

Guaranteed: a file in ``channels/`` has a row and the bytes that its row says; a row says that bytes
came or left only when that is durable; a served name never changes its bytes; whatever is stopped
anywhere is rolled forward by the next run.

``downloads`` brings verified bytes into staging. ``Committer``, ``Retirement`` and
``LockedArtifacts`` take them in and out, each step in the ledger (``LedgerWriter``) and on the disk
(``store.Store``, which alone moves artifacts). ``recovery`` deals with bytes that the ledger does
not know, and rows that a lost state does not have.
"""
