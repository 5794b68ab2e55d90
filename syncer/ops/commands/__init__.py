"""The commands, one module each with a ``run(settings, options)`` that returns the exit code."""
