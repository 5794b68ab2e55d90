"""Secrets reach their own host, and nobody and nothing else."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.mirror.answer import Answer
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.faults import Fault
from tests.support.upstream.http_messages import Request, Resource, Response, respond
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume.program import log

ZLIB = package("zlib", "1.3")
BIG = package("big", padding_bytes=2_000_000)
SECRET = "s3same+0pen/plant"
PAIR = f"robot:{SECRET}"
HEADERS = {
    "bearer": f"Bearer {SECRET}",
    "basic": f"Basic {base64.b64encode(PAIR.encode()).decode()}",
}
SPELLINGS = {SECRET, quote(SECRET, safe=""), base64.b64encode(PAIR.encode()).decode()}
KINDS = ("bearer", "basic", "token")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_registered", ())


@pytest.fixture
def private(syncer: Syncer, tmp_path: Path) -> Syncer:
    """A syncer whose upstream wants to be shown a secret; ``give`` gives it one."""
    for name in ("conda-forge", f"t/{SECRET}/conda-forge"):
        syncer.upstream.channel(name).publish(ZLIB, BIG)
    folder = tmp_path / "upstream-hosts"
    folder.mkdir()
    syncer.environment["SECRETS_DIR"] = str(folder)
    syncer.environment["PRIVATE_HOSTS"] = "127.0.0.1 localhost"  # redirects lead there
    return syncer


def give(syncer: Syncer, kind: str, value: str = "") -> Path:
    host = syncer.upstream.url.partition("://")[2]
    path = Path(syncer.environment["SECRETS_DIR"]) / f"{host}.{kind}"
    path.write_text((value or (PAIR if kind == "basic" else SECRET)) + "\n")
    return path


@contextlib.contextmanager
def wants(syncer: Syncer, kind: str) -> Iterator[None]:
    """Who does not show the secret is answered 401; with the token it is another path."""

    def answer(request: Request, resource: Resource | None) -> Response:
        if request.headers.get("authorization") == HEADERS.get(kind):
            return respond(request, resource)
        return Response(401, (("Content-Type", "text/plain"),), b"who are you?")

    def refuse(request: Request, resource: Resource | None) -> Response:
        return Response(401)

    if kind == "token":
        syncer.upstream.script("/conda-forge/*", Fault("wants token", refuse, None))
    else:
        syncer.upstream.script("*", Fault(f"wants {kind}", answer, None))
    yield
    syncer.upstream.heal()


COMMANDS = (
    ("config",), ("config", "--json"), ("status",), ("status", "--json"), ("history",),
    ("--once", "--dry-run"),
)  # fmt: skip


def nowhere(syncer: Syncer, *answers: Answer) -> None:
    """The secret is in no output of these commands, and on no volume."""
    shown = [one.out + one.err for one in answers]
    for root in (syncer.volumes.mirror_dir, syncer.volumes.state_dir):
        for path in root.rglob("*"):
            shown.append(str(path))
            if path.is_file():
                shown.append(path.read_bytes().decode("latin-1"))
    for text in shown:
        for spelling in SPELLINGS:
            assert spelling not in text


def every_command(syncer: Syncer) -> list[Answer]:
    """What each command that prints says afterwards."""
    found = [syncer.command(*command) for command in COMMANDS]
    assert {one.code for one in found} <= {0, 1}, found
    return found


def saw_nothing(other: ChannelSimulator) -> None:
    """The secret is in no request that another host got."""
    assert other.log
    for request in other.log:
        text = request.path + json.dumps(request.headers)
        assert "authorization" not in request.headers
        for spelling in SPELLINGS:
            assert spelling not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_opens_its_host_and_is_found_nowhere_else(private: Syncer, kind: str) -> None:
    give(private, kind)
    with wants(private, kind):
        answer = private.command("--once", LOG_LEVEL="debug")
        assert answer.code == 0, answer
        assert set(private.volumes.served()) == {
            f"linux-64/{ZLIB.filename}",
            f"linux-64/{BIG.filename}",
        }
        nowhere(private, answer, *every_command(private))


@pytest.mark.parametrize("where", ["address", "netrc"])
def test_a_secret_in_the_address_or_netrc_is_found_nowhere_else(
    private: Syncer, tmp_path: Path, where: str
) -> None:
    with wants(private, "basic"):
        if where == "address":
            address = private.upstream.url.replace("://", f"://robot:{quote(SECRET, safe='')}@")
            private.environment["CONDA_CLOUD_URL"] = address
        else:
            netrc = tmp_path / "netrc"
            netrc.write_text(f"machine 127.0.0.1 login robot password {SECRET}\n")
            private.environment["NETRC"] = str(netrc)
        answer = private.command("--once")
        assert answer.code == 0, answer
        nowhere(private, answer, *every_command(private))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", ["*/repodata.json*", "*.conda"])
@pytest.mark.parametrize("same_name", [True, False])
def test_a_secret_does_not_follow_a_redirect(
    private: Syncer, kind: str, pattern: str, same_name: bool
) -> None:
    """Another port is another host, and so is another name."""
    give(private, kind)
    with ChannelSimulator() as other:
        other.channel("conda-forge").publish(ZLIB, BIG)
        address = other.url if same_name else other.url.replace("127.0.0.1", "localhost")

        def redirect(request: Request, resource: Resource | None) -> Response:
            path = request.path.removeprefix(f"/t/{SECRET}")
            return Response(302, (("Location", f"{address}{path}"),), b"moved")

        prefix = "/t/*" if kind == "token" else ""
        private.upstream.script(prefix + pattern, Fault("redirect", redirect, None))
        with wants(private, kind):
            answer = private.command("--once")
            assert answer.code == 0, answer
            saw_nothing(other)
            nowhere(private, answer)


def test_a_redirect_that_carries_the_token_elsewhere_is_refused(private: Syncer) -> None:
    give(private, "token")
    with ChannelSimulator() as other:
        other.channel(f"t/{SECRET}/conda-forge").publish(ZLIB, BIG)

        def redirect(request: Request, resource: Resource | None) -> Response:
            path = quote(request.path)
            return Response(302, (("Location", f"{other.url}{path}"),))

        private.upstream.script("/t/*/noarch/*", Fault("redirect", redirect, None))
        answer = private.command("--once")
        assert answer.code == 1
        assert "with a secret of ours in the address; refused" in answer.out
        assert not other.log
        nowhere(private, answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_within_the_host_keeps_the_secret(private: Syncer, kind: str) -> None:
    give(private, kind)
    folder = f"/t/{SECRET}/cdn" if kind == "token" else "/cdn"
    private.upstream.put_file(f"{folder}/big", BIG.data)
    private.upstream.script(f"*/{BIG.filename}", faults.redirect("/cdn/big"))
    with wants(private, kind):
        answer = private.command("--once")
        assert answer.code == 0, answer
    (request,) = private.upstream.requests(f"{folder}/big")
    assert request.headers.get("authorization") == HEADERS.get(kind)


@pytest.mark.parametrize("kind", ["bearer", "basic"])
def test_wrong_credentials_are_named_by_their_file(private: Syncer, kind: str) -> None:
    path = give(private, kind, f"someone:{SECRET[::-1]}")
    with wants(private, kind):
        answer = private.command("--once")
    assert answer.code == 1
    host = private.upstream.url.partition("://")[2]
    assert f"answered 401: {host} refuses the credentials of {path.name}" in answer.out
    assert SECRET[::-1] not in answer.out + answer.err
    nowhere(private, answer)


def test_missing_credentials_are_asked_for(private: Syncer) -> None:
    with wants(private, "bearer"):
        answer = private.command("--once")
    assert answer.code == 1
    host = private.upstream.url.partition("://")[2]
    assert f"{host} wants credentials, and none are in SECRETS_DIR" in answer.out
    assert f"{host}.bearer, .basic or .token" in answer.out


def test_refused_credentials_of_an_artifact_are_named(private: Syncer) -> None:
    path = give(private, "bearer")
    private.upstream.script("*.conda", faults.status(403, times=None))
    answer = private.command("--once")
    assert answer.code == 3
    assert "answered 403: 127.0.0.1" in answer.out and path.name in answer.out


def test_unusable_files_are_told_together_before_anything_is_asked(private: Syncer) -> None:
    give(private, "bearer")
    give(private, "basic")
    folder = Path(private.environment["SECRETS_DIR"])
    (folder / "conda.example.com.txt").write_text("x")
    (folder / "conda.example.com.token").write_text("\n")
    for command in (("--once",), ("config",), ("--once", "--dry-run"), ("verify",)):
        answer = private.command(*command, HTTPS_PROXY="ftp://me:hush-hush@proxy:1")
        assert answer.code == 2, answer
        for words in (".txt: its name must end in", "one request carries one of them",
                      ".token: it is empty", "HTTPS_PROXY=ftp://***@proxy:1 is not"):  # fmt: skip
            assert words in answer.err
        assert "hush" not in answer.out + answer.err
        assert "Traceback" not in answer.err
    assert private.upstream.count() == 0


def test_config_says_which_hosts_have_which_kinds(private: Syncer) -> None:
    give(private, "bearer")
    give(private, "token")
    host = private.upstream.url.partition("://")[2]
    answer = private.command("config", HTTP_PROXY="http://me:hush-hush@proxy:3128")
    assert f"{host}: bearer token" in answer.out
    assert "HTTP_PROXY=http://***@proxy:3128" in answer.out
    shown = private.command("config", "--json").document
    assert shown["secrets"] == {host: ["bearer", "token"]}
