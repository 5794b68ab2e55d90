"""Proxies of the environment, held against requests."""

from __future__ import annotations

import os
from unittest import mock
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import utils

from syncer.transport.connections import proxies

HOSTS = st.sampled_from(
    ["a.com", "x.a.com", "xa.com", "com", "localhost", "127.0.0.1", "10.1.2.3", "[::1]"]
)
WORDS = st.sampled_from(
    ["a.com", ".a.com", "com", "x.a.com:8080", "10.0.0.0/8", "10.1.2.3", "10.1.2.3/33", "127.0.0.1",
     "*", "::1", "localhost", "", "..a.com", "10.0.0.0/x"]
)  # fmt: skip
PROXIES = st.dictionaries(
    st.sampled_from(
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    ),
    st.sampled_from(["http://p:1", "q:2", ""]),
)


@given(
    scheme=st.sampled_from(["http", "https"]), host=HOSTS, port=st.sampled_from(["", ":8080"]),
    environment=PROXIES, no_proxy=st.lists(WORDS, max_size=3), spaced=st.booleans(),
    name=st.sampled_from(["no_proxy", "NO_PROXY"]),
)  # fmt: skip
def test_the_rules_are_those_of_requests(
    scheme: str, host: str, port: str, environment: dict[str, str], no_proxy: list[str],
    name: str, *, spaced: bool,
) -> None:  # fmt: skip
    given_ = {**environment, name: (", " if spaced else ",").join(no_proxy)}
    url = f"{scheme}://{host}{port}/"
    with mock.patch.dict(os.environ, given_, clear=True):
        expected = utils.select_proxy(url, utils.get_environ_proxies(url, no_proxy=None)) or ""
    if expected and "://" not in expected:
        expected = f"http://{expected}"
    parts = urlsplit(url)
    assert proxies.proxy_for(scheme, parts.hostname or "", parts.port, given_) == expected


def test_it_does_not_cost_an_import_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from syncer.transport.network import Network\n"
        "from syncer.settings.secrets import Secrets\n"
        "from syncer.transport.egress import Egress\n"
        "host = Network(Secrets(), Egress()).host('https://a.com/x')\n"
        "print(host.proxy, 'requests' in sys.modules)"
    )
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", "b.com")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["http://p:1", "False"]
