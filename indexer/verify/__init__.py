"""A generation is compared with what is committed before anybody sees it.

Guaranteed and not guaranteed: see ``verification``. Nothing is changed here.

Its public names: ``verification.verify`` and ``check.Check``.
"""
