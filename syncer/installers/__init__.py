"""Installers beside the channels: Anaconda's ``archive`` and ``miniconda``, and ``miniforge``.

Guaranteed: a kind is published whole, in one step, and nothing in it is unverified; what can't be
had is left out and named. They have no index of conda's and no ledger.
Public: ``work.InstallersSync``, a part of a run (``sync.work``), and ``scrub``, their part of
``verify``. ``upstream`` fetches what ``listings`` understands, ``choice`` chooses from it, ``plan``
compares with what is there, ``staging`` and ``publication`` carry it out.
"""
