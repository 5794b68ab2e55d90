"""``python -m indexer``."""

import sys

from volume.program import collector


def main() -> int:
    """Run one command; return the exit code."""
    with collector.at_rest():
        from indexer.ops.cli import main as run

        return run()


if __name__ == "__main__":
    sys.exit(main())
