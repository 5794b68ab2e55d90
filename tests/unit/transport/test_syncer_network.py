"""How hosts are reached: what each is sent, and what a redirect changes. No request is made."""

from pathlib import Path

import pytest

from syncer.errors import TransferError
from syncer.settings import settings
from syncer.settings.secrets import Secret, Secrets
from syncer.transport import network
from syncer.transport.egress import Egress
from syncer.transport.network import Network
from volume.errors import ConfigError
from volume.program import log

TOKEN, BEARER = "tok-en/1", "bear-er-1"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(log, "_registered", ())
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own() -> Network:
    found: dict[str, tuple[Secret, ...]] = {}
    for host, kind, value in (
        ("a.com", "token", TOKEN), ("a.com", "bearer", BEARER), ("b.com", "bearer", "for-b-only"),
    ):  # fmt: skip
        secret = Secret(host, kind, Path(f"/run/{host}.{kind}"), value)
        found[host] = (*found.get(host, ()), secret)
        log.register(value)
    return Network(Secrets(found), Egress(names=frozenset({"127.0.0.1"})))


def test_a_token_goes_into_the_path_and_out_of_what_people_see(own: Network) -> None:
    host = own.host("https://A.com/x/noarch/repodata.json")
    sent = host.address("https://a.com/x/noarch/repodata.json")
    assert sent == "https://a.com/t/tok-en%2F1/x/noarch/repodata.json"
    assert host.without_token(sent) == "https://a.com/x/noarch/repodata.json"
    # One that the address has already is not given twice, and is not ours to take out.
    own_token = "https://a.com/t/theirs/x"
    assert host.address(own_token) == host.without_token(own_token) == own_token
    assert (host.name, host.authorization) == ("a.com", f"Bearer {BEARER}")
    assert host.secrets_from == "a.com.token and a.com.bearer"
    assert TOKEN not in repr(host) and BEARER not in repr(host)


def test_an_address_with_credentials_wins_and_loses_them(own: Network) -> None:
    host = own.host("https://me:p%40ss@a.com:443/x")
    assert host.address("https://me:p%40ss@a.com:443/x") == "https://a.com/t/tok-en%2F1/x"
    assert host.authorization == "Basic bWU6cEBzcw=="
    assert log.redact("p@ss p%40ss bWU6cEBzcw==") == "*** *** ***"
    assert "the address" in host.secrets_from


def test_other_ports_and_schemes_are_other_hosts(own: Network) -> None:
    for url in ("https://a.com:8443/x", "http://a.com:443/x", "https://www.a.com/x"):
        host = own.host(url)
        assert (host.authorization, host.path_token, host.certificate) == ("", "", "")
        assert host.address(url) == url


@pytest.mark.parametrize(
    ("location", "target", "authorization"),
    [
        ("/cdn/x", "https://a.com/cdn/x", f"Bearer {BEARER}"),
        ("https://a.com:443/t/tok-en%2F1/cdn", "https://a.com/cdn", f"Bearer {BEARER}"),
        ("//a.com/cdn?sign=1#part", "https://a.com/cdn?sign=1", f"Bearer {BEARER}"),
        ("https://b.com/x", "https://b.com/x", "Bearer for-b-only"),
        ("https://b.com?x=1", "https://b.com/?x=1", "Bearer for-b-only"),
        ("https://you:pass@c.com/x", "https://c.com/x", ""),
        ("http://a.com/x", "http://a.com/x", ""),  # no secret after a step down to http
        ("http://b.com/x", "http://b.com/x", ""),
        ("https://a.com:8443/x", "https://a.com:8443/x", ""),
    ],
)
def test_a_redirect_is_followed_with_the_right_secrets(
    own: Network, location: str, target: str, authorization: str
) -> None:
    first = own.host("https://a.com/x/y")
    assert own.follow(first, "https://a.com/x/y", location)[0] == target
    found = own.follow(first, "https://a.com/x/y", location)[1]
    assert found.authorization == authorization
    assert bool(found.path_token) == (found is first)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "no web address"),
        ("ftp://b.com/x", "no web address"),
        ("https://b.com:port/x", "no web address"),
        ("http:///x", "no web address"),
        ("https://b.com/t/tok-en%2F1/x", "with a secret of ours"),
        (f"https://b.com/?key={BEARER}", "with a secret of ours"),
        ("http://a.com/t/tok-en%2F1/x", "with a secret of ours"),
    ],
)
def test_a_redirect_that_leads_astray_is_refused(own: Network, location: str, words: str) -> None:
    with pytest.raises(TransferError, match=words) as found:
        own.follow(own.host("https://a.com/x"), "https://a.com/x", location)
    assert BEARER not in str(found.value) and "tok-en" not in str(found.value)


def test_netrc_serves_hosts_without_files(
    own: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine a.com login x password yyyyy\nmachine n.com login me password hush1\n"
    )
    monkeypatch.setenv("NETRC", str(netrc))
    assert own.host("https://a.com/x").authorization == f"Bearer {BEARER}"
    first = own.host("https://n.com/x")
    assert (first.authorization, first.secrets_from) == ("Basic bWU6aHVzaDE=", "netrc")
    assert log.redact("hush1") == "***"
    assert (
        own.follow(own.host("https://b.com/"), "https://b.com/", "https://n.com/x")[1].authorization
        == ""
    )


def test_secrets_over_plain_http_are_warned_of_once(
    own: Network, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        own.host("http://b.com/x")
        own.host("http://b.com/y")
        own.host("https://b.com/x")
        own.host("http://me:hush1@127.0.0.1:8080/x")
        own.host("http://c.com/x")
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("http://b.com gets credentials over plain http")


def test_each_host_has_its_own_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "me:hush1@proxy:3128")
    monkeypatch.setenv("ALL_PROXY", "socks5h://other:1080")
    monkeypatch.setenv("NO_PROXY", "near.com")
    own = Network(Secrets(), Egress())
    first = own.host("https://a.com/x")
    assert (first.proxy, first.shown_proxy) == ("http://me:hush1@proxy:3128", "http://proxy:3128")
    assert own.host("http://a.com/x").proxy == "socks5h://other:1080"
    assert own.host("https://near.com/x").proxy == ""
    assert own.follow(first, "https://a.com/x", "https://near.com/x")[1].proxy == ""
    assert own.proxies["HTTPS_PROXY"] == "http://***@proxy:3128"
    assert "hush1" not in repr(first)


def test_problems_of_secrets_proxies_and_bundle_are_told_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.com.token").write_text("")
    monkeypatch.setenv("ALL_PROXY", "socks://me:hush1@p:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError) as found:
        network.read(settings.read({"SECRETS_DIR": str(tmp_path)}))
    assert len(found.value.problems) == 3
    assert "hush1" not in str(found.value)
