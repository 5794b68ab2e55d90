"""Everything that a person or the container starts.

Guaranteed: one exit code for one outcome (``cli``), one message for one fact, with the next step;
what only reads never waits for a lock, and looks first whether the volumes are the right ones
(``presence``). A command loads what it needs and no more: ``commands`` is one module for each.
Public: ``cli.main``; ``once.sync`` and ``verify.verify`` for who runs them without a command line.
"""
