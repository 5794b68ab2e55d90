"""``syncer doctor``: looks at all that a mirror needs, and says what to do about what is wrong.

``finding`` is what comes out; the modules that end in ``_checks`` each look at one area;
``examination`` runs them side by side.

Guaranteed: nothing is changed (probe files are removed again) and no lock is taken, so it may run
beside a sync; every look ends in time, a hung disk or host is a finding.
"""
