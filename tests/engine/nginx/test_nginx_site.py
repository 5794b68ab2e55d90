"""The pages that people open, served by the real nginx."""

import base64
import hashlib
import re
import socket
from pathlib import Path

import pytest
import requests

from syncer.installers import pages
from tests.support.clients.nginx import Nginx, executable, serving
from tests.support.clients.served_volume import fill, write


@pytest.fixture
def site(mirror_dir: Path) -> Path:
    """A site as the indexer writes it."""
    folder = mirror_dir / "site"
    folder.mkdir()
    for name in (
        "index.html", "snapshots.html", "condarc", "mambarc", "pixi.toml", "setup.sh"
    ):  # fmt: skip
        (folder / name).write_text(f"{name}: http://mirror.invalid/cloud http://mirror.invalid\n")
    (folder / "status.json").write_text('{"url": "http://mirror.invalid"}')
    (folder / "search.json").write_text("{}")
    (folder / "page-0123456789abcdef.js").write_text("// http://mirror.invalid")
    (folder / "page-0123456789abcdef.css").write_text("p {}")
    search = folder / "search" / "conda-forge~label~rc"
    search.mkdir(parents=True)
    (search / "bucket-0123456789abcdef.json").write_text("{}")
    (folder / "metrics").write_text("up 1\n")
    (folder / "icon.svg").write_text("<svg/>")
    return folder


def test_before_the_first_sync(nginx: Nginx) -> None:
    for path in ("/", "/index.html"):
        answer = requests.get(nginx.url + path)
        assert answer.status_code == 200
        assert "the first sync is on its way" in answer.text
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        # Or people would look at it for a minute after the first publication.
        assert answer.headers["Cache-Control"] == "no-store"
        assert "http://" not in answer.text.replace(nginx.url, "")
    assert requests.get(f"{nginx.url}/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/snapshots/", "text/html; charset=utf-8"),
        ("/condarc", "text/plain; charset=utf-8"),
        ("/mambarc", "text/plain; charset=utf-8"),
        ("/pixi.toml", "text/plain"),
        ("/setup.sh", "text/plain"),
    ],
)
def test_client_configurations_name_this_mirror_as_the_client_does(
    nginx: Nginx, site: Path, path: str, content_type: str
) -> None:
    name = {"/": "index.html", "/snapshots/": "snapshots.html"}.get(path, path.removeprefix("/"))
    for headers, url in (
        ({}, nginx.url),
        ({"Host": "mirror.lan"}, "http://mirror.lan"),
        ({"Host": "[fd00::1]:8080"}, "http://[fd00::1]:8080"),
        ({"Host": "mirror.lan", "X-Forwarded-Proto": "https"}, "https://mirror.lan"),
        ({"Host": "mirror.lan", "X-Forwarded-Proto": "javascript"}, "http://mirror.lan"),
        ({"Host": '"><script>'}, "http://mirror.invalid"),
    ):
        answer = requests.get(nginx.url + path, headers=headers)
        if "<" in headers.get("Host", "") and answer.status_code == 400:
            continue  # newer nginx refuses such a host by itself
        assert answer.text == f"{name}: {url}/cloud {url}\n"
        assert answer.headers["Content-Type"].startswith(content_type)
        assert answer.headers["Cache-Control"] == "public, max-age=60, must-revalidate"


def test_documents_for_machines_are_not_touched(nginx: Nginx, site: Path) -> None:
    status = requests.get(f"{nginx.url}/status.json")
    assert status.json() == {"url": "http://mirror.invalid"}
    metrics = requests.get(f"{nginx.url}/metrics")
    assert metrics.text == "up 1\n"
    assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.headers["Cache-Control"] == status.headers["Cache-Control"] == "no-cache"
    assert requests.get(f"{nginx.url}/icon.svg").text == "<svg/>"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("page-0123456789abcdef.js", "text/javascript; charset=utf-8"),
        ("page-0123456789abcdef.css", "text/css; charset=utf-8"),
        ("search/conda-forge~label~rc/bucket-0123456789abcdef.json", "application/json"),
    ],
)
def test_what_the_page_is_made_of_may_be_kept_for_ever(
    nginx: Nginx, site: Path, path: str, content_type: str
) -> None:
    answer = requests.get(f"{nginx.url}/site/{path}")
    assert answer.content == (site / path).read_bytes()
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    # ... but which of it belongs together is asked each time.
    assert requests.get(f"{nginx.url}/search.json").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/site/", "/site/condarc", "/site/search/", "/cloud/site/x/y"])
def test_nothing_else_of_the_folder_is_served_twice(nginx: Nginx, site: Path, path: str) -> None:
    assert requests.get(nginx.url + path).status_code == 404


def test_the_page_may_load_its_own_parts_only(nginx: Nginx, site: Path) -> None:
    policy = requests.get(nginx.url).headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert not [rule for rule in policy if "unsafe" in rule]
    other = requests.get(f"{nginx.url}/condarc").headers
    assert "Content-Security-Policy" not in other
    assert other["X-Content-Type-Options"] == "nosniff"


def test_looking_again_costs_nothing_if_nothing_changed(nginx: Nginx, site: Path) -> None:
    for path in ("/", "/status.json"):
        first = requests.get(nginx.url + path)
        again = requests.get(nginx.url + path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_artifacts_and_indexes_are_not_rewritten(nginx: Nginx, mirror_dir: Path) -> None:
    folder = mirror_dir / "index/conda-forge/gen-000001/noarch"
    folder.mkdir(parents=True)
    (folder / "repodata.json").write_text('"http://mirror.invalid"')
    (mirror_dir / "index/conda-forge/current").symlink_to("gen-000001")
    answer = requests.get(f"{nginx.url}/conda-forge/noarch/repodata.json")
    assert answer.text == '"http://mirror.invalid"'


def test_ipv6_where_the_kernel_has_it(mirror_dir: Path) -> None:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        pytest.skip("the kernel has no IPv6")
    with serving(mirror_dir, on_ipv6=True) as running:
        for host in ("127.0.0.1", "[::1]"):
            answer = requests.get(f"http://{host}:{running.port}/healthz")
            assert answer.text == "ok\n"


def test_every_request_is_in_the_log_once(nginx: Nginx) -> None:
    requests.get(f"{nginx.url}/conda-forge/linux-64/missing-1.0-0.conda?x=1")
    requests.get(f"{nginx.url}/healthz")
    nginx.stop()
    lines = nginx.access_log.read_text().splitlines()
    assert len(lines) == 1
    assert '"uri":"/conda-forge/linux-64/missing-1.0-0.conda?x=1","status":404' in lines[0]
    assert nginx.error_log.read_text() == ""


@pytest.mark.parametrize(
    "path", ["/", "/snapshots/", "/condarc", "/mambarc", "/pixi.toml", "/setup.sh"]
)
def test_a_cache_between_knows_what_an_answer_depends_on(
    nginx: Nginx, site: Path, path: str
) -> None:
    """Else one request with a header of its own decides what everybody sets up."""
    found = requests.get(nginx.url + path).headers["Vary"]
    assert {one.strip() for one in found.split(",")} == {"Host", "X-Forwarded-Proto"}
    for same in ("/status.json", "/search.json", "/site/page-0123456789abcdef.js"):
        assert "Vary" not in requests.get(nginx.url + same).headers


PAGES = ["/", "/index.html", "/archive/", "/archive/index.html", "/snapshots/"]
NOT_PAGES = [
    "/conda-forge/linux-64/index.html", "/cloud/conda-forge/linux-64/index.html",
    "/snapshots/2026-11-22T10-00-00Z/conda-forge/linux-64/index.html",
    "/conda-forge/index.html", "/conda-forge/linux-64/x.htm",
]  # fmt: skip


def test_every_page_has_a_policy_and_no_other_file_is_a_page(
    nginx: Nginx, site: Path, mirror_dir: Path
) -> None:
    fill(mirror_dir)
    evil = "<script>alert(1)</script>"
    for path in ("index/conda-forge/gen-000002/linux-64/index.html",
                 "index/conda-forge/gen-000001/linux-64/index.html",
                 "index/conda-forge/gen-000002/index.html",
                 "index/conda-forge/gen-000002/linux-64/x.htm",
                 "index/conda-forge/gen-000002/rss.xml", "site/evil.html", "site/evil.svg",
                 "site/snapshots.html",
                 "site/evil", "installers/archive/gen-000002/evil.html"):  # fmt: skip
        write(mirror_dir / path, evil)
    others = ["/evil.html", "/evil.svg", "/evil", "/archive/evil.html", "/conda-forge/rss.xml"]
    missing = ["/x", "/x/y", "/x/y/z", "/conda-forge/linux-64/x-1-0.conda", "/archive", "/%00"]
    for path in (*PAGES, *NOT_PAGES, *others, *missing):
        answer = requests.get(nginx.url + path, allow_redirects=False)
        headers = answer.headers
        if "html" in headers["Content-Type"] or "xml" in headers["Content-Type"]:
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        if answer.status_code == 200 and "html" in headers["Content-Type"]:
            assert path in PAGES
        assert headers["X-Content-Type-Options"] == "nosniff", path
    for path in NOT_PAGES:
        assert requests.get(nginx.url + path).status_code == 404, path


def test_the_installers_page_keeps_its_own_policy(nginx: Nginx, mirror_dir: Path) -> None:
    fill(mirror_dir)
    page = pages.page("archive", [])
    write(mirror_dir / "installers/archive/gen-000002/index.html", page)
    answer = requests.get(f"{nginx.url}/archive/")
    assert answer.text == page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


LINE_ENDS = [
    "/archive", "/miniconda", "/anaconda/archive", "/archive/", "/condarc", "/setup.sh", "/",
    "/status.json", "/index.html", "/healthz", "/conda-forge/linux-64/repodata.json",
    "/conda-forge/channeldata.json", "/cloud/conda-forge/linux-64/repodata.json",
    "/archive/SHA256SUMS", "/site/page-0123456789abcdef.js",
    "/conda-forge/linux-64/zlib-1.3-0.conda",
    "/snapshots/2026-11-22T10-00-00Z/conda-forge/noarch/x",
]  # fmt: skip


@pytest.mark.parametrize("path", LINE_ENDS)
@pytest.mark.parametrize("end", ["%0a", "%0d%0a", "%0aX-Evil:%201"])
def test_a_path_with_a_line_end_is_no_other_path(
    nginx: Nginx, site: Path, mirror_dir: Path, path: str, end: str
) -> None:
    fill(mirror_dir)
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as connection:
        connection.sendall(f"GET {path}{end} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head = answer.partition(b"\r\n\r\n")[0]
    assert b" 404 " in head.splitlines()[0]
    assert b"Location" not in head
    assert b"X-Evil" not in head
