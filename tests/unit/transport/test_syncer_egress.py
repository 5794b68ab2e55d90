"""Where a request may go: terms, addresses that are not public, folders."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import RefusedAddressError
from syncer.settings import settings
from syncer.transport.egress import Egress
from volume.errors import ConfigError


def egress(**environment: str) -> Egress:
    return Egress.of(settings.read(environment))


@pytest.mark.parametrize(
    "url",
    [
        "https://repo.anaconda.com/pkgs/main/noarch/repodata.json",
        "http://REPO.anaconda.com:8080/x",
        "https://repo.anaconda.com./pkgs/main",
        "https://repo.continuum.io/archive/",
        "https://conda.anaconda.org/main/noarch/x.conda",
        "https://conda.anaconda.org/t/tk-1/msys2/noarch/x.conda",
        "https://conda.anaconda.org//anaconda/x",
        "https://conda.anaconda.org/acme/../%66ree/x",
    ],
)
def test_what_needs_a_licence_is_refused_until_the_terms_are_accepted(url: str) -> None:
    with pytest.raises(RefusedAddressError, match="ANACONDA_TERMS_ACCEPTED=yes") as found:
        egress().check(url)
    assert "tk-1" not in str(found.value)
    egress(ANACONDA_TERMS_ACCEPTED="yes").check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://conda.anaconda.org/conda-forge/noarch/x.conda",
        "https://conda.anaconda.org/mainline/noarch/x.conda",
        "https://mirror.example.com/anaconda/pkgs/main/noarch/x.conda",
        "http://192.0.2.1.example.com/",
        "https://[2606:4700::1111]/x",
        "https://8.8.8.8/x",
    ],
)
def test_public_places_are_allowed(url: str) -> None:
    egress().check(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "10.0.0.1",
        "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16",
        "224.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "x.localhost",
        "localhost.", "metadata.google.internal",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused_whatever_its_spelling(host: str) -> None:
    with pytest.raises(RefusedAddressError, match="PRIVATE_HOSTS"):
        egress().check(f"http://{host}/latest/meta-data")


def test_what_the_settings_name_is_allowed() -> None:
    rules = egress(
        CHANNELS="a=http://10.0.0.1:8081/a b=http://localhost/b c=file:///mnt/c",
        PRIVATE_HOSTS="storage.lan 127.0.0.1:9 10.9.0.0/16 [fd00::1]:80",
    )
    for allowed in (
        "http://10.0.0.1:8081/elsewhere", "https://localhost/b", "http://10.9.8.7/x",
        "http://127.0.0.1:9/", "http://storage.lan:5/x", "file:///mnt/c/noarch/x.conda",
    ):  # fmt: skip
        rules.check(allowed)
    for refused in (
        "http://10.0.0.1:8082/a", "http://localhost:8081/b", "http://127.0.0.1:8/",
        "file:///mnt/cc/x", "file:///etc/passwd", "http://10.8.0.1/",
    ):  # fmt: skip
        with pytest.raises(RefusedAddressError):
            rules.check(refused)
    assert rules.may_be_private("storage.lan", 443) and not rules.may_be_private("other.lan", 443)


@pytest.mark.parametrize(
    "url",
    [
        "https://repo.anac%6fnda.com/pkgs/main/x", "https://repo%2eanaconda.com/x",
        "https://repo\u3002anaconda\u3002com/x", "https://\uff52epo.anaconda.com/x",
        "https://repo.ana\u00adconda.com/x", "http://loc%61lhost/x", "http://127%2e0.0.1/x",
        "http://\u2460\u2461\u2466.0.0.1/x", "http://8.8.8.8%00.x/",
        "http://[::1/", "http://x:99999/", "http://x:-1/", "http:///x", "http://a b/",
        "FILE:///etc/passwd", "ftp://x/y", "//x/y", "x", "",
        "http://[64:ff9b:1::a00:1]/", "http://[::10.0.0.1]/", "http://[fec0::1]/",
        "http://[::ffff:0:10.0.0.1]/",
    ],
)  # fmt: skip
def test_what_libcurl_may_read_otherwise_than_we_do_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError) as found:
        egress().check(url)
    assert str(found.value).isascii()


@pytest.mark.parametrize("way_out", ["..", "%2e%2e", ".%2E"])
def test_a_folder_is_not_left(way_out: str) -> None:
    rules = egress(CHANNELS="c=file:///mnt/c")
    rules.check("file:///mnt/c/noarch/x..y-1-0.conda")
    with pytest.raises(RefusedAddressError, match="in no folder"):
        rules.check(f"file:///mnt/c/noarch/{way_out}/{way_out}/etc/passwd")


@given(st.text("repo.anaconda.com%6f\u3002\uff4f[]:@\\/?#0 ", max_size=30))
def test_any_text_is_asked_for_or_refused(rest: str) -> None:
    with contextlib.suppress(RefusedAddressError):
        egress().check(f"https://{rest}")


@given(st.integers(0, 2**32 - 1), st.data())
def test_every_spelling_of_an_address_has_one_answer(number: int, data: st.DataObject) -> None:
    address = ipaddress.IPv4Address(number)
    last = number & 0xFFFF
    spelling = data.draw(
        st.sampled_from(
            [
                str(address), f"{number}", f"0x{number:x}", f"0{number:o}",
                f"{number >> 24}.{number & 0xFFFFFF}", f"[::ffff:{address}]",
                f"{number >> 24}.{(number >> 16) & 255}.{last}",
            ]
        )
    )  # fmt: skip
    is_allowed = True
    try:
        egress().check(f"http://{spelling}/")
    except RefusedAddressError:
        is_allowed = False
    assert is_allowed == egress().admits(address)
    if not spelling.startswith("["):
        assert socket.inet_aton(spelling) == address.packed


@pytest.mark.parametrize("word", ["a b/c", "http://a", "10.0.0.0/99", "a:b", "a/b"])
def test_a_word_of_private_hosts_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="PRIVATE_HOSTS"):
        egress(PRIVATE_HOSTS=word)


@pytest.mark.parametrize("channel", ["main", "r", "msys2", "anaconda", "free"])
def test_copies_of_licensed_channels_get_a_word(channel: str) -> None:
    with pytest.raises(ConfigError, match="ANACONDA_TERMS_ACCEPTED=yes"):
        settings.read({"CHANNELS": channel})
    settings.read({"CHANNELS": channel, "ANACONDA_TERMS_ACCEPTED": "yes"})
