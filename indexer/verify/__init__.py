"""A generation is compared with what is committed before anybody sees it.

Guaranteed and not guaranteed: see ``verify``. Nothing is changed here.

Its public names: ``verify.verify`` and ``check.Check``.
"""
