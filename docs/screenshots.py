"""Writes ``docs/images``: the landing page in the states that matter, in headless Chromium:

    .venv/bin/python -m docs.screenshots [FOLDER]

The mirrors in them are made up (``tests/support/mirror/scenes.py``); page, style and web server are
real.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.clients.browser import Page, browser
from tests.support.clients.nginx import serving
from tests.support.mirror import scenes
from tests.support.mirror.scenes import Scene

IMAGES = Path(__file__).resolve().parent / "images"


def _landing(page: Page, url: str) -> None:
    page.open(url)
    page.wait("byId('badge').dataset.level !== 'unknown'")


def _search(page: Page, url: str) -> None:
    _landing(page, url)
    page.press("/")
    page.write("lib")
    page.wait("byId('results').children.length > 3")
    page.press("ArrowDown")


def _package(page: Page, url: str) -> None:
    _landing(page, f"{url}#package=ripgrep")
    page.wait("document.querySelector('#package tbody tr')")


_PICTURES: list[tuple[str, Callable[[Path], Scene], Callable[[Page, str], None], bool, bool]] = [
    # name, scene, what is done, dark, on a phone
    ("landing", scenes.complete, _landing, False, False),
    ("landing-dark", scenes.complete, _landing, True, False),
    ("landing-phone", scenes.complete, _landing, False, True),
    ("search", scenes.complete, _search, False, False),
    ("package", scenes.complete, _package, False, False),
    ("package-phone", scenes.complete, _package, True, True),
    ("failed-sync", scenes.failed, _landing, False, False),
    ("first-sync", scenes.first_sync, _landing, False, False),
]


def main() -> None:
    """Write all pictures."""
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    images.mkdir(parents=True, exist_ok=True)
    with browser() as tab:
        for name, scene, act, is_dark, is_phone in _PICTURES:
            with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
                Path(folder).chmod(0o755)
                made = scene(Path(folder))
                with serving(made.mirror.root) as nginx:
                    page = tab()
                    width, height = (390, 844) if is_phone else (1080, 860)
                    page.view(width, height, is_dark=is_dark, is_phone=is_phone)
                    act(page, f"{nginx.url}/")
                    page.screenshot(images / f"{name}.png")
            print(images / f"{name}.png")


if __name__ == "__main__":
    main()
