"""``doctor``: check network, disk, upstreams and what clients see; changes nothing."""

from __future__ import annotations

import argparse
import json

from syncer.ops.doctor import examination
from syncer.settings.settings import Settings
from volume.program.printable import printable_lines


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the findings."""
    findings = examination.examine(settings)
    if options.json:
        print(json.dumps(examination.document(findings)))
    else:
        print(printable_lines(examination.describe(findings)))
    return examination.exit_code(findings)
