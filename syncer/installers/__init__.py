"""Installers beside the channels: Anaconda's ``archive`` and ``miniconda``, and ``miniforge``.

Guaranteed: a kind is published whole, in one step, and nothing in it is unverified; what can't be
had is left out and named. They have no index of conda's and no ledger.
Public: ``installers_sync.InstallersSync``, a part of a run (``sync.work``), and ``rehash``, their
part of ``verify``. ``sources`` fetch what ``listings`` understands, ``installer_filter`` chooses
from it, ``changes`` compares with what is there, ``downloads`` and ``published`` carry it out.
"""
