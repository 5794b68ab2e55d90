"""A line of nginx's log is a request for a file of a channel, or nobody's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.usage.request import OTHER, ClientRequest, parse

LINE = [1_790_000_000.123, 200, 512, "GET", "conda-forge", "linux-64", "zlib-1.3-0.conda",
        "conda/26.7.2 requests/2.32 CPython/3.12", ""]  # fmt: skip
NAMES = ("moment", "status", "sent", "method", "channel", "subdir", "file", "agent", "client")


def line(**changed: object) -> bytes:
    values = dict(zip(NAMES, LINE, strict=True)) | changed
    return json.dumps(list(values.values())).encode()


def understood(**changed: object) -> ClientRequest:
    found = parse(line(**changed))
    assert found is not None
    return found


def test_a_request_for_an_artifact() -> None:
    found = understood()
    assert found == ClientRequest(
        1_790_000_000.123, 200, 512, "conda-forge", "linux-64", "zlib-1.3-0.conda", "conda/26.7.2"
    )
    assert found.was_served and not found.is_missing
    assert found.day == 20_717


@pytest.mark.parametrize("file", ["repodata.json.zst", "zlib.conda", "../x-1-0.conda", ""])
def test_other_files_are_no_artifacts(file: str) -> None:
    assert understood(file=file).artifact is None


@pytest.mark.parametrize(
    ("agent", "program"),
    [("mamba/2.8.1 libmamba/2.8.1", "mamba/2.8.1"), ("rattler", "rattler"), ("", OTHER),
     ("-", OTHER), ("x" * 500, "x" * 31), ("<script>", OTHER), ("pixi/0.77.0", "pixi/0.77.0")],
)  # fmt: skip
def test_the_program_is_the_first_product(agent: str, program: str) -> None:
    assert understood(agent=agent).program == program


@pytest.mark.parametrize(
    ("client", "kept"),
    [("10.0.0.7", "10.0.0.7"), ("fe80::1", "fe80::1"), ("", None), ("no address", None)],
)
def test_a_client_is_an_address(client: str, kept: str | None) -> None:
    assert understood(client=client).client == kept


@pytest.mark.parametrize(
    "changed",
    [{"method": "HEAD"}, {"channel": ""}, {"channel": "../etc"}, {"subdir": "linux-65"},
     {"status": "200"}, {"file": 7}, {"moment": None}],
)  # fmt: skip
def test_what_is_no_get_of_a_channels_file_is_nobodys(changed: dict[str, object]) -> None:
    assert parse(line(**changed)) is None


@given(st.binary(max_size=200))
def test_no_line_harms(data: bytes) -> None:
    assert parse(data) is None
    assert parse(line()[:-3] + data) is None or data.strip() in {b'"]', b'"] '}


@pytest.mark.parametrize(("status", "served"), [(200, True), (206, True), (304, True), (404, False),
                                               (499, False), (500, False)])  # fmt: skip
def test_what_was_served(status: int, served: bool) -> None:
    assert understood(status=status).was_served is served
    assert understood(status=status).is_missing is (status == 404)
