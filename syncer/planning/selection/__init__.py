"""Which artifacts the mirror wants, and why: policies applied to records. Pure.

Public: ``select.Selector`` (a policy's selection of a channel), ``outcome`` (with reasons for
what is left out), ``closure.close`` and ``solve.solve`` (what specs need), ``explain.explain``.
The rest serves these: ``permit`` (deny to cooldown), ``newest``, ``catalog`` (which records a spec
matches, and which conditions may hold), ``platform`` (virtual packages), ``installable``,
``unmatched`` (what in a policy has no effect).
"""
