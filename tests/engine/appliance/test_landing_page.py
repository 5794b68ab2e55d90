"""The landing page in a real browser, through the real nginx with its policy for pages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.clients.browser import Page, browser, executable
from tests.support.clients.nginx import SOURCE, Nginx, serving
from tests.support.clients.nginx import executable as nginx_executable
from tests.support.mirror import scenes
from tests.support.mirror.published import by_filename, record
from tests.support.mirror.scenes import Scene

BEFORE_SEARCH = 150_000  # bytes
EVIL = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def tab() -> Iterator[Callable[[], Page]]:
    if executable() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    if nginx_executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with browser() as opens:
        yield opens


@pytest.fixture
def show(tab: Callable[[], Page]) -> Iterator[Callable[..., tuple[Page, Nginx, Scene]]]:
    """Serves a scene and opens its landing page."""
    with ExitStack() as stack:

        def opened(make: Callable[[Path], Scene], fragment: str = "") -> tuple[Page, Nginx, Scene]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mirror-")))
            folder.chmod(0o755)
            scene = make(folder)
            nginx = stack.enter_context(serving(scene.mirror.root))
            page = tab()
            page.view(1080, 860)
            page.open(f"{nginx.url}/{fragment}")
            page.wait("byId('badge').dataset.level !== 'unknown'")
            return page, nginx, scene

        yield opened


Show = Callable[..., tuple[Page, Nginx, Scene]]


def text(page: Page, selector: str) -> str:
    found = page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")
    return " ".join(str(found).split())


def search(page: Page, words: str) -> list[str]:
    """Type into the search and return the names that are found."""
    page.evaluate("byId('query').focus(); byId('query').select()")
    page.write(words)
    page.wait(f"byId('query').value === {json.dumps(words)} && matches !== null")
    page.wait("/package/.test(byId('found-count').textContent)")
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#results b')].map((name) => name.textContent)"
    )
    return found


@pytest.mark.parametrize(
    ("make", "level", "words"),
    [
        (scenes.complete, "good", "Up to date: synced 2 h ago"),
        (scenes.failed, "warn", "Last sync was incomplete; last good one 26 h ago"),
        (scenes.first_sync, "busy", "First sync is running"),
        (scenes.never_synced, "warn", "Never synced"),
    ],
)
def test_every_state_is_shown_without_a_complaint_or_another_host(
    show: Show, make: Callable[[Path], Scene], level: str, words: str
) -> None:
    page, nginx, _ = show(make)
    assert page.evaluate("byId('badge').dataset.level") == level
    assert text(page, "#badge") == words
    assert page.complaints == []
    assert all(url.startswith(nginx.url) for url in page.requests)
    assert 0 < page.received < BEFORE_SEARCH
    assert not [url for url in page.requests if "search" in url]


def test_it_is_painted_and_readable_without_its_script(tab: Callable[[], Page], show: Show) -> None:
    page, nginx, _ = show(scenes.complete)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(f"{nginx.url}/")
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    shown = page.call("DOM.querySelectorAll", nodeId=root, selector=".panel")["nodeIds"]
    displays = []
    for node in shown:
        styles = page.call("CSS.enable") or page.call("CSS.getComputedStyleForNode", nodeId=node)
        displays += [one["value"] for one in styles["computedStyle"] if one["name"] == "display"]
    assert displays == ["block", "none", "none"]
    html = requests.get(nginx.url).text
    assert f"curl -fsS {nginx.url}/setup.sh | sh" in html
    assert "mirror.invalid" not in html


def test_the_tabs_work_with_the_keyboard(show: Show) -> None:
    page, nginx, _ = show(scenes.complete)
    page.evaluate("byId('client-conda').focus()")
    page.press("ArrowDown")
    assert page.evaluate("document.querySelector('input[name=client]:checked').value") == "mamba"
    assert "mamba create -n try jq" in text(page, "[data-client=mamba]")
    assert page.evaluate(
        "getComputedStyle(document.querySelector('[data-client=mamba]')).display"
    ) == "block"  # fmt: skip
    assert nginx.url in text(page, "[data-client=mamba]")


def test_a_command_is_copied_whole(show: Show) -> None:
    page, nginx, _ = show(scenes.complete)
    copied = page.evaluate(
        """(() => {
            let found = '';
            document.addEventListener('copy', () => { found = getSelection().toString(); });
            document.querySelector('.copyable button').click();
            return found;
        })()"""
    )
    assert text(page, ".copyable button") == "Copied"
    assert copied == f"curl -fsS {nginx.url}/setup.sh | sh -s -- --dry-run"


class TestSearch:
    def test_from_the_slash_to_the_install_line_by_keyboard(self, show: Show) -> None:
        page, nginx, _ = show(scenes.complete)
        page.press("/")
        assert page.evaluate("document.activeElement.id") == "query"
        page.write("lib")
        page.wait("byId('results').children.length > 3")
        selected = "document.querySelector('#results [aria-selected=true] b').textContent"
        first = page.evaluate(selected)
        page.press("ArrowDown")
        second = page.evaluate(selected)
        assert first != second
        active = page.evaluate(
            "byId(byId('query').getAttribute('aria-activedescendant')).innerText"
        )
        assert active.startswith(second)
        page.press("ArrowUp")
        assert page.evaluate(selected) == first
        page.press("ArrowDown")
        page.press("Enter")
        page.wait("document.querySelector('#package tbody tr')")
        assert text(page, "#package h2") == second
        assert text(page, "#package pre") == f"conda install {second}"
        page.press("Escape")
        page.wait("byId('package').hidden")
        assert page.complaints == []
        assert all(url.startswith(nginx.url) for url in page.requests)

    def test_back_returns_to_the_results(self, show: Show) -> None:
        page, _, _ = show(scenes.complete)
        search(page, "rip")
        page.press("Enter")
        page.wait("document.querySelector('#package tbody tr')")
        page.evaluate("document.querySelector('#package button').click()")
        page.wait("!byId('results').hidden")
        assert page.evaluate("byId('query').value") == "rip"
        assert page.evaluate("byId('package').hidden") is True

    def test_a_package_has_an_address(self, show: Show) -> None:
        page, _, _ = show(scenes.complete, "#package=ripgrep")
        page.wait("document.querySelector('#package tbody tr')")
        assert text(page, "#package p") == scenes.TOOLS["ripgrep"]

    def test_a_build_can_be_pinned_and_its_file_is_where_the_link_says(self, show: Show) -> None:
        page, nginx, scene = show(scenes.complete, "#package=samtools")
        page.wait("document.querySelector('#package tbody tr')")
        version, build = page.evaluate(
            "[...document.querySelectorAll('#package tbody tr:first-child td')]"
            ".slice(0, 2).map((cell) => cell.textContent)"
        )
        page.evaluate("document.querySelector('#package tbody button').click()")
        assert text(page, "#package pre") == f"conda install -c bioconda samtools={version}={build}"
        page.evaluate("byId('client-pixi').click()")
        page.evaluate("document.querySelector('#package tbody button').click()")
        assert text(page, "#package pre") == (
            f"pixi workspace channel add bioconda && pixi add samtools={version}={build}"
        )
        href = page.evaluate("document.querySelector('#package tbody a').pathname")
        subdir = text(page, "#package tbody tr:first-child td:nth-child(3)")
        filename = f"samtools-{version}-{build}.conda"
        assert href == f"/cloud/bioconda/{subdir}/{filename}"
        (scene.mirror.artifacts("bioconda", subdir) / filename).write_text("it")
        assert requests.get(nginx.url + href).text == "it"

    def test_the_best_come_first_however_they_are_spelt(self, show: Show) -> None:
        def make(folder: Path) -> Scene:
            scene = Scene.below(folder)
            names = ["numpy-base", "numpy", "py-numpy", "xnumpyx", "Scikit_Learn", "zlib"]
            scene.publish("ours", {"noarch": by_filename(*map(record, names))})
            scene.write()
            return scene

        page, _, _ = show(make)
        assert search(page, "numpy") == ["numpy", "numpy-base", "py-numpy", "xnumpyx"]
        assert search(page, "scikit-learn") == ["Scikit_Learn"]
        assert search(page, "base num") == ["numpy-base"]
        page.evaluate("byId('query').select()")
        page.write("nothing-like-it")
        page.wait("byId('found-count').textContent.startsWith('No package here')")
        assert text(page, "#found-count") == 'No package here has "nothing-like-it" in its name.'

    def test_what_upstream_says_is_never_markup(self, show: Show) -> None:
        def make(folder: Path) -> Scene:
            scene = Scene.below(folder)
            odd = [
                record(EVIL, EVIL, EVIL, license=EVIL),
                record("__proto__", EVIL),
                record("constructor", "1.0"),
            ]
            named = {f"{number}.conda": one for number, one in enumerate(odd)}
            summaries = {EVIL: EVIL, "__proto__": EVIL}
            scene.publish("ours", {"noarch": named}, summaries)
            scene.run(status="failed", started=1.0, finished=2.0, error=EVIL,
                      channels=[scenes.result(EVIL, failed=1, error=None, failures=[
                          {"subdir": EVIL, "filename": EVIL, "reason": EVIL}])])  # fmt: skip
            scene.write()
            return scene

        page, nginx, _ = show(make)
        assert EVIL in text(page, "#sync")
        for words, name in (("img", EVIL), ("proto", "__proto__"), ("constr", "constructor")):
            assert search(page, words) == [name]
            page.press("Enter")
            page.wait(f"document.querySelector('#package h2')?.textContent === {json.dumps(name)}")
            page.wait("document.querySelector('#package tbody tr')")
            page.press("Escape")
            page.wait("byId('package').hidden")
        assert page.evaluate("window.hacked === undefined && document.images.length") == 0
        assert page.complaints == []
        assert all(url.startswith(nginx.url) for url in page.requests)

    def test_a_package_with_odd_fields_is_shown(self, show: Show) -> None:
        odd: list[Any] = [
            None, "soon", -1, 0, 10**15, 1_700_000_000_000_000, 10**18, -(10**15), [1], {"a": 1},
            True, 1e300,
        ]  # fmt: skip

        def make(folder: Path) -> Scene:
            scene = Scene.below(folder)
            records = [
                record("odd", f"1.{number}", timestamp=value, license=value)
                for number, value in enumerate(odd)
            ]
            scene.publish("ours", {"noarch": by_filename(*records)})
            scene.write()
            return scene

        page, _, _ = show(make, "#package=odd")
        page.wait("document.querySelector('#package tbody tr')")
        assert page.evaluate("document.querySelectorAll('#package tbody tr').length") == len(odd)
        shown = text(page, "#package")
        assert "could not be loaded" not in shown
        assert not re.search("NaN|undefined|Invalid|Infinity", shown)
        days = page.evaluate("[null, 'x', NaN, Infinity, -1, 0, 1e15, {}, 1700000000].map(day)")
        assert days == ["", "", "", "", "", "", "", "", "2023-11-14"]
        sizes = page.evaluate("[null, 'x', NaN, Infinity, {}, 5].map(amount)")
        assert sizes == ["", "", "", "", "", "5 B"]
        assert page.complaints == []

    def test_data_that_is_gone_is_looked_for_again(self, show: Show) -> None:
        page, _, scene = show(scenes.complete)
        assert "jq" in search(page, "jq")
        folder = scene.mirror.search("conda-forge")
        records = scenes.records(["jq", "newcomer"], ("linux-64",))
        scene.publish("conda-forge", records, number=2, hours_ago=1)
        scene.write()
        listed = json.loads((scene.mirror.site / "search.json").read_bytes())
        [now] = [one for one in listed["channels"] if one["name"] == "conda-forge"]
        keep = json.loads((folder / now["file"]).read_bytes())["buckets"]
        for path in folder.glob("bucket-*"):
            if path.name[7:-5] not in keep:
                path.unlink()
        page.evaluate("open('jq')")
        page.wait("document.querySelector('#package tbody tr')")
        assert "newcomer" in search(page, "newcomer")

    def test_fifty_thousand_names(self, show: Show, capsys: pytest.CaptureFixture[str]) -> None:
        page, _, scene = show(lambda folder: scenes.many_names(folder, 50_000))
        listed = json.loads((scene.mirror.site / "search.json").read_bytes())
        [channel] = listed["channels"]
        names_file = scene.mirror.search("conda-forge") / channel["file"]
        assert channel["names"] == 50_000
        assert names_file.stat().st_size < 2_000_000
        assert len(search(page, "lib")) == 50
        timings: dict[str, Any] = page.evaluate(
            """(async () => {
                const found = {};
                for (const words of ["p", "py", "lib-data", "graph", "7", "net 12", "zzz"]) {
                    const runs = [];
                    for (let run = 0; run < 9; run += 1) {
                        const begin = performance.now();
                        byId("query").value = words;
                        await search();
                        byId("results").offsetHeight; // laid out, too
                        runs.push(performance.now() - begin);
                    }
                    found[words] = runs.sort((a, b) => a - b)[4];
                }
                return found;
            })()"""
        )
        with capsys.disabled():
            shown = ", ".join(f"{words!r} {value:.0f} ms" for words, value in timings.items())
            print(f"\nsearch over 50,000 names, with layout, median of 9: {shown}; names file"
                  f" {names_file.stat().st_size / 1e6:.2f} MB")  # fmt: skip
        assert page.complaints == []


class TestFreshness:
    """The badge, from times alone: it must turn red when nothing writes any more."""

    def judge(self, page: Page, scene: Scene, *, hours: float, **changes: Any) -> tuple[str, str]:
        status = scenes.status_of(scene)
        status["sync"] |= changes
        at = time.time() + hours * scenes.HOUR
        found = page.evaluate(f"judge({json.dumps(status)}, {at})")
        return found["level"], found["text"]

    def test_it_goes_red_by_itself_when_everything_has_died(self, show: Show) -> None:
        page, _, scene = show(scenes.complete)
        assert self.judge(page, scene, hours=0) == ("good", "Up to date: synced 2 h ago")
        level, words = self.judge(page, scene, hours=1)
        assert (level, words) == ("warn", "No sign of life from the indexer for 60 min")
        assert self.judge(page, scene, hours=49)[0] == "bad"
        assert self.judge(page, scene, hours=51)[1] == "No sign of life for 2 days"

    def test_it_warns_before_that(self, show: Show) -> None:
        page, _, scene = show(scenes.complete)
        now = time.time()
        assert self.judge(page, scene, hours=0, last_sync=now - 31 * scenes.HOUR) == (
            "warn", "A sync is overdue: synced 31 h ago",
        )  # fmt: skip
        assert self.judge(page, scene, hours=0, last_sync=now - 51 * scenes.HOUR) == (
            "bad", "Out of date: synced 2 days ago",
        )  # fmt: skip
        assert self.judge(page, scene, hours=0, status="failed") == (
            "warn", "Last sync failed; last good one 2 h ago",
        )  # fmt: skip
        assert self.judge(page, scene, hours=0, status="running", finished=None)[0] == "busy"
        assert self.judge(
            page, scene, hours=0, status="running", finished=None, reported=now - 7200
        ) == ("warn", "Sync: no news for 2 h")
        assert self.judge(page, scene, hours=0, last_sync=None, failing_since=now) == (
            "warn", "No sync has succeeded yet",
        )  # fmt: skip

    def test_a_status_of_another_shape_ends_with_words(self, show: Show) -> None:
        page, _, scene = show(scenes.complete)
        path = scene.mirror.site / "status.json"
        document = json.loads(path.read_text())
        odd: list[Any] = [None, 0, -1, 1e300, True, "soon", "NaN", [], [[]], {}, {"sync": 1}]
        shapes = [*map(json.dumps, odd), "no JSON", ""]
        for key in document:
            shapes += [json.dumps(document | {key: value}) for value in odd]
            shapes.append(json.dumps({one: document[one] for one in document if one != key}))
        for key in document["sync"]:
            shapes += [
                json.dumps(document | {"sync": document["sync"] | {key: value}}) for value in odd
            ]
        for key in document["channels"][0]:
            shapes += [
                json.dumps(document | {"channels": [document["channels"][0] | {key: value}]})
                for value in odd
            ]
        found = page.evaluate(
            f"""{json.dumps(shapes)}.map((text) => {{
                const now = Date.now() / 1000;
                const judged = judge(parsed(text), now);
                const isKnown = ["good", "warn", "bad", "busy"].includes(judged.level);
                return isKnown && !/NaN|undefined|null|Infinity|object/.test(judged.text);
            }})"""
        )
        assert [shape for shape, is_well in zip(shapes, found, strict=True) if not is_well] == []
        # And as the page itself looks at it.
        for shape in ("[]", "no JSON", '{"sync": 3, "channels": 4, "written": "x"}'):
            path.write_text(shape)
            page.evaluate("byId('badge').dataset.level = 'unknown'; look()")
            page.wait("byId('badge').dataset.level === 'warn'")
            assert text(page, "#badge") == "The mirror's state is not understood"
        assert page.complaints == []

    def test_a_time_that_is_none_stays_as_it_is_written(self, show: Show) -> None:
        page, _, _ = show(scenes.complete)
        page.evaluate(
            """(() => {
                const time = document.createElement("time");
                time.id = "odd";
                time.setAttribute("datetime", "soon");
                time.textContent = "some time";
                document.body.append(time);
                showTimes(document);
            })()"""
        )
        assert text(page, "#odd") == "some time"

    def test_a_mirror_that_does_not_answer_is_said_so(self, show: Show) -> None:
        page, nginx, _ = show(scenes.complete)
        nginx.stop()
        page.evaluate("look()")
        assert text(page, "#badge") == "The mirror does not answer"
        assert page.evaluate("byId('badge').dataset.level") == "bad"

    def test_an_open_page_follows_what_happens(self, show: Show) -> None:
        page, _, scene = show(scenes.complete)
        page.evaluate("byId('client-pixi').click(); window.still = 'the same page'")
        now = time.time()
        progress = {
            "artifacts": 1, "artifacts_total": 4, "received": 50, "size": 100, "rate": 5.0,
        }  # fmt: skip
        scene.run(status="running", started=now, finished=None, last_success=now - 7200,
                  last_sync=now - 7200, health_hours=50.0,
                  channels=[scenes.result("conda-forge", progress=progress)])  # fmt: skip
        scene.write()
        page.evaluate("look()")
        assert text(page, "#sync h2") == "Sync is running"
        assert "1 of 4 packages, 50 B of 100 B, 5 B/s, about 10 s left" in text(page, "#sync")
        assert page.evaluate("document.querySelector('progress').value") == 0.5
        assert page.evaluate("window.still") == "the same page"
        assert page.evaluate("byId('client-pixi').checked") is True
        assert page.complaints == []

    def test_the_first_publication_brings_the_whole_page(self, show: Show) -> None:
        page, _, scene = show(scenes.first_sync)
        scene.publish("conda-forge", {"noarch": by_filename(record("jq"))})
        scene.write()
        page.open_by("look()")
        page.wait("document.getElementById('search')")
        assert "conda create -n try jq" in text(page, "#setup")


def test_a_phone_never_scrolls_sideways(show: Show) -> None:
    for make, fragment in (
        (scenes.complete, ""), (scenes.failed, ""), (scenes.first_sync, ""),
        (scenes.complete, "#package=ripgrep"),
    ):  # fmt: skip
        page, _, _ = show(make, fragment)
        page.view(360, 740, is_phone=True)
        if fragment:
            page.wait("document.querySelector('#package tbody tr')")
        assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("is_dark", [False, True])
def test_texts_have_enough_contrast(show: Show, is_dark: bool) -> None:
    """WCAG 2.2 AA: 4.5 to 1, for every text that is shown."""
    for make in (scenes.complete, scenes.failed, scenes.first_sync):
        page, _, _ = show(make)
        page.view(1080, 860, is_dark=is_dark)
        assert page.evaluate(_WEAK_TEXTS) == []


_WEAK_TEXTS = """(() => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => {
        const [r, g, b] = parse(color).slice(0, 3).map((one) => {
            const part = one / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor;
            if (parse(color)[3] !== 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const weak = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !element.offsetParent) continue;
        const [one, two] = [light(getComputedStyle(element).color), light(back(element))];
        const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        if (ratio < 4.5) weak.push(`${walker.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
    }
    return weak;
})()"""


def test_every_control_has_a_name_and_every_id_is_one(show: Show) -> None:
    page, _, _ = show(scenes.failed)
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    controls = {"button", "link", "radio", "combobox", "searchbox", "progressbar", "listbox"}
    nameless = [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node.get("role", {}).get("value") in controls
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    assert page.evaluate(
        "[...document.querySelectorAll('[id]')].map((one) => one.id)"
        ".filter((id, at, all) => all.indexOf(id) !== at)"
    ) == []  # fmt: skip


def test_the_page_for_the_first_moments_keeps_its_own_policy() -> None:
    page = (SOURCE / "first-start.html").read_text()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in (SOURCE / "nginx.conf").read_text()
