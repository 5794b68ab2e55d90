"""Every URL of the mirror, asked of the real nginx with the real configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import Nginx
from tests.support.clients.served_volume import (
    CHANNELS,
    INDEX_FILES,
    INSTALLERS,
    SHARD,
    SNAPSHOT,
    Asker,
    fill,
    write,
)

MINUTE = "public, max-age=60, must-revalidate"
KEEP_BUT_ASK = "public, no-cache"  # artifacts: upstreams reuse names
FOREVER = "public, max-age=31536000, immutable"  # shards: their name is their content


@pytest.fixture
def volume(mirror_dir: Path) -> Path:
    fill(mirror_dir)
    return mirror_dir


@pytest.fixture
def get(nginx: Nginx, volume: Path) -> Iterator[Asker]:
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        yield Asker(nginx.url, session)


PATHS = [
    ("/conda-forge/linux-64/zlib-1.3-0.conda", "channels/conda-forge/linux-64/zlib-1.3-0.conda"),
    ("/conda-forge/linux-64/old-1.0-0.conda", "retired/conda-forge/linux-64/old-1.0-0.conda"),
    ("/pkgs/main/linux-64/zlib-1.3-0.conda", "channels/pkgs/main/linux-64/zlib-1.3-0.conda"),
    (
        "/conda-forge/linux-64/a-1!2.0+g1-0.tar.bz2",
        "channels/conda-forge/linux-64/a-1!2.0+g1-0.tar.bz2",
    ),
    (
        "/conda-forge/linux-64/a-1%212.0%2Bg1-0.tar.bz2",
        "channels/conda-forge/linux-64/a-1!2.0+g1-0.tar.bz2",
    ),
    (
        "/conda-forge/label/rc/linux-64/zlib-1.3-0.conda",
        "channels/conda-forge/label/rc/linux-64/zlib-1.3-0.conda",
    ),
    *(
        (
            f"/{channel}/linux-64/{name}",
            f"index/{channel}/gen-000002/linux-64/{name}",
        )
        for channel in CHANNELS
        for name in INDEX_FILES
    ),
    ("/conda-forge/channeldata.json", "index/conda-forge/gen-000002/channeldata.json"),
    ("/pkgs/main/channeldata.json", "index/pkgs/main/gen-000002/channeldata.json"),
    (
        "/conda-forge/label/rc/channeldata.json",
        "index/conda-forge/label/rc/gen-000002/channeldata.json",
    ),
    *(
        (f"/{kind}/{name}", f"installers/{kind}/gen-000002/{name}")
        for kind, installer in INSTALLERS
        for name in (installer, ".files.json", "SHA256SUMS", "index.html")
    ),
    *((f"/{kind}/", f"installers/{kind}/gen-000002/index.html") for kind, _ in INSTALLERS),
]


def prefixes(url: str) -> list[str]:
    """The prefixes under which public mirrors have this path."""
    if url.startswith(("/pkgs/", "/archive/", "/miniconda/", "/miniforge/")):
        return ["", "/anaconda"]
    return ["", "/cloud", "/anaconda/cloud"]


def test_every_url_and_alias(get: Asker, volume: Path) -> None:
    wrong = {}
    for url, path in PATHS:
        for prefix in prefixes(url):
            answer = get(prefix + url)
            if (answer.status_code, answer.text) != (200, str(volume / path)):
                wrong[prefix + url] = (answer.status_code, answer.text)
    assert wrong == {}


def test_snapshots_have_their_own_index_and_share_artifacts(get: Asker, volume: Path) -> None:
    snapshot = f"/snapshots/{SNAPSHOT}"
    wrong = {}
    for url, path in PATHS:
        if url.startswith(("/archive/", "/miniconda/", "/miniforge/")):
            continue
        for prefix in prefixes(url):
            answer = get(snapshot + prefix + url)
            expected = str(volume / path.replace("gen-000002", "gen-000001"))
            if (answer.status_code, answer.text) != (200, expected):
                wrong[snapshot + prefix + url] = (answer.status_code, answer.text)
    assert wrong == {}


# The older of two generations is of 2026-11-22 10:00:00, the newer of 2026-11-25 03:17:00.
TIMES = [
    ("20261122T100000Z", 1), ("2026-11-22T10:00:00Z", 1), ("2026-11-22T10-00-00Z", 1),
    ("2026-11-22T10%3A00%3A00Z", 1), ("2026-11-22T10:00:00+00:00", 1), ("2026-11-22 10:00", 1),
    ("2026-11-22T10:00:00.250Z", 1), ("20261122t100001z", 1), ("2026-11-22T10", 1),
    ("2026-11-22", 1), ("20261122", 1), ("2026-11-23", 1), ("2026-11-24", 1),
    ("2026-11-25T03:16:59", 1), ("2026-11-25T03:16", 1), ("20261125T0316Z", 1),
    ("2026-11-25T03:17", 2), ("2026-11-25T03:17:00Z", 2), ("2026-11-25T03", 2),
    ("2026-11-25", 2), ("2026-11-30", 2), ("2027-02-28T23:59:59Z", 2), ("2099-12-31", 2),
    ("2026-11-22T09:59:59Z", 0), ("2026-11-22T09:59", 0), ("2026-11-21", 0), ("1970-01-01", 0),
    ("2026-13-01", None), ("2026-11-32", None), ("2026-11-22T24:00", None), ("2026", None),
    ("2026-11-22T10:00:00+01:00", None), ("2026-11-22T10:60", None), ("yesterday", None),
    ("2026-11", None), ("", None), ("2026-11-22T", None), ("-1", None),
]  # fmt: skip


@pytest.mark.parametrize(("time", "generation"), TIMES)
def test_a_snapshot_may_be_asked_for_by_any_time(
    get: Asker, volume: Path, time: str, generation: int | None
) -> None:
    for channel in ("conda-forge", "cloud/conda-forge", "conda-forge/label/rc", "pkgs/main"):
        for path in ("linux-64/repodata.json.zst", f"linux-64/{SHARD}", "channeldata.json"):
            answer = get(f"/snapshots/{time}/{channel}/{path}")
            if generation:
                name = channel.removeprefix("cloud/")
                expected = volume / f"index/{name}/gen-{generation:06d}" / path
                assert (answer.status_code, answer.text) == (200, str(expected))
            else:
                said = "Not the address of a" if generation is None else "No index of that time"
                assert answer.status_code == 404
                assert answer.text.startswith(said) or time == ""
                assert answer.headers["Content-Type"] == "text/plain"


def test_what_a_lock_file_names_below_an_expired_time_is_still_there(
    get: Asker, volume: Path
) -> None:
    url = "/conda-forge/linux-64/zlib-1.3-0.conda"
    assert get(f"/snapshots/2020-01-01{url}").text == str(volume / f"channels{url}")
    assert get("/snapshots/2020-01-01/conda-forge/linux-64/no-1.3-0.conda").status_code == 404


def test_a_snapshot_of_a_snapshot_is_none(get: Asker) -> None:
    for depth in (2, 12):
        url = "/snapshots/2026-11-23" * depth + "/conda-forge/linux-64/repodata.json"
        assert get(url).status_code == 404


def test_the_name_mapping(get: Asker, volume: Path) -> None:
    digest = "ab" + "0" * 62
    document = write(volume / "mapping/hash-v0" / digest)
    names = write(volume / "mapping/compressed-v0/compressed_mapping.json")
    for url, path in (
        (f"/mapping/hash-v0/{digest}", document),
        ("/mapping/compressed-v0/compressed_mapping.json", names),
    ):
        answer = get(url)
        assert (answer.status_code, answer.text) == (200, str(path))
        assert answer.headers["Content-Type"] == "application/json"
        assert "max-age=" in answer.headers["Cache-Control"]
    for url in (
        f"/mapping/hash-v0/{digest[:-1]}", f"/mapping/hash-v0/{'cd' * 32}",
        f"/mapping/hash-v0/{digest.upper()}", f"/mapping/hash-v0/{digest}%0a",
        "/mapping/hash-v0/", "/mapping/", f"/mapping/hash-v0/../{digest}",
    ):  # fmt: skip
        assert get(url).status_code == 404, url


def test_a_channel_may_be_called_mapping_all_the_same(get: Asker, volume: Path) -> None:
    file = write(volume / "index/mapping/gen-000001/noarch/repodata.json")
    (volume / "index/mapping/current").symlink_to("gen-000001")
    assert get("/mapping/noarch/repodata.json").text == str(file)


def test_snapshots_are_listed(get: Asker, volume: Path) -> None:
    assert get("/snapshots/").status_code == 404
    write(volume / "site/snapshots.html")
    answer = get("/snapshots/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert get("/snapshots").headers["Location"] == "/snapshots/"


def test_replaced_bytes_belong_to_the_generation_that_lists_them(get: Asker, volume: Path) -> None:
    url = "/conda-forge/linux-64/zlib-1.3-0.conda"
    write(volume / "index/conda-forge/gen-000002/linux-64/zlib-1.3-0.conda", "new bytes")
    assert get(url).text == "new bytes"
    assert get(f"/snapshots/{SNAPSHOT}" + url).text.endswith(f"channels{url}")


def test_an_unreadable_replacement_does_not_fall_back_to_other_bytes(
    get: Asker, volume: Path
) -> None:
    replaced = write(volume / "index/conda-forge/gen-000002/linux-64/zlib-1.3-0.conda", "new")
    replaced.chmod(0)
    assert get("/conda-forge/linux-64/zlib-1.3-0.conda").status_code == 404


@pytest.mark.parametrize(
    ("url", "content_type", "cache_control"),
    [
        ("/conda-forge/linux-64/repodata.json", "application/json", MINUTE),
        ("/conda-forge/linux-64/repodata.json.zst", "application/zstd", MINUTE),
        ("/conda-forge/linux-64/repodata.json.bz2", "application/x-bzip2", MINUTE),
        ("/conda-forge/linux-64/repodata_shards.msgpack.zst", "application/zstd", MINUTE),
        (f"/conda-forge/linux-64/{SHARD}", "application/zstd", FOREVER),
        ("/conda-forge/linux-64/zlib-1.3-0.conda", "application/octet-stream", KEEP_BUT_ASK),
        ("/conda-forge/linux-64/old-1.0-0.conda", "application/octet-stream", KEEP_BUT_ASK),
        ("/conda-forge/linux-64/a-1!2.0+g1-0.tar.bz2", "application/x-bzip2", KEEP_BUT_ASK),
        ("/conda-forge/channeldata.json", "application/json", MINUTE),
        ("/miniconda/Miniconda3-latest-Linux-x86_64.sh", "text/plain", MINUTE),
        ("/miniconda/SHA256SUMS", "text/plain", MINUTE),
        ("/miniconda/.files.json", "application/json", MINUTE),
        ("/archive/", "text/html; charset=utf-8", MINUTE),
        ("/miniforge/Miniforge3-Windows-x86_64.exe", "application/octet-stream", MINUTE),
    ],
)
def test_headers_and_conditional_requests(
    get: Asker, url: str, content_type: str, cache_control: str
) -> None:
    # Clients that offer every coding must get the file as it is.
    answer = get(url, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Cache-Control"] == cache_control
    assert "Content-Encoding" not in answer.headers
    assert not answer.headers["ETag"].startswith("W/")
    for condition, value in (
        ("If-None-Match", answer.headers["ETag"]),
        ("If-Modified-Since", answer.headers["Last-Modified"]),
    ):
        unchanged = get(url, headers={condition: value})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["Cache-Control"] == cache_control
    head = get(url, method="HEAD")
    assert head.headers["Content-Length"] == str(len(answer.content))
    assert get(url, method="POST").status_code == 405


@pytest.mark.parametrize("place", ["channels", "retired", "index/conda-forge/gen-000002"])
def test_ranges_of_artifacts_in_every_place(get: Asker, volume: Path, place: str) -> None:
    folder = place if place.startswith("index") else f"{place}/conda-forge"
    content = bytes(range(256)) * 300
    write(volume / folder / "linux-64/big-1.0-0.conda", content)
    url = "/conda-forge/linux-64/big-1.0-0.conda"
    for asked, expected in (
        ("bytes=0-99", content[:100]),
        ("bytes=50000-", content[50_000:]),
        ("bytes=-65536", content[-65_536:]),
    ):
        answer = get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, expected)
    tag = get(url, method="HEAD").headers["ETag"]
    held = {"Range": "bytes=10-", "If-Range": tag}
    assert get(url, headers=held).content == content[10:]
    assert get(url, headers={**held, "If-Range": '"other"'}).content == content
    assert get(url, headers={"Range": "bytes=999999-"}).status_code == 416
    # Several ranges at once: the whole file, which is allowed, in place of a multipart body.
    assert get(url, headers={"Range": "bytes=0-1,5-6"}).content == content
