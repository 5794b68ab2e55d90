"""What a person or the container starts: the command line, its commands, the loop, ``/metrics``.

Guaranteed: a command's exit code tells what became of it (``cli``); a channel that fails stops no
other (``round``); the loop begins work within one poll of a commit and ends soon after SIGTERM.

Its public names: ``cli.main``; everything else is started by it.
"""
