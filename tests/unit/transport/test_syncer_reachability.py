"""Hosts that don't answer are tried last, until they do."""

from syncer.artifacts.downloads.staging import FailedUpstreams
from syncer.errors import (
    HostStoppedError,
    HttpStatusError,
    IntegrityError,
    ManyUpstreamsError,
    MissingError,
    TransferError,
    is_upstreams_own,
    says_absent,
)
from syncer.transport.hosts import Reachability

A, B = "https://a/x", "https://user@b/x"
CUT = TransferError("cut")


def test_the_order_stays_while_hosts_answer() -> None:
    seen = Reachability(enough=2)
    seen.note(A, CUT, brought_bytes=False)
    assert list(seen.order([A, B])) == [A, B]
    seen.note("https://a/y", CUT, brought_bytes=False)
    assert list(seen.order([A, B])) == [B, A]
    seen.answered(A)
    assert list(seen.order([A, B])) == [A, B]


def test_only_a_host_that_brings_nothing_is_to_blame() -> None:
    seen = Reachability(enough=1)
    seen.note(A, CUT, brought_bytes=True)
    seen.note(A, HttpStatusError(A, 404), brought_bytes=False)
    assert list(seen.order([A, B])) == [A, B]
    seen.note(A, HttpStatusError(A, 503), brought_bytes=False)
    assert list(seen.order([A, B])) == [B, A]


def test_a_host_that_wants_no_more_is_last_at_once() -> None:
    seen = Reachability(enough=3)
    seen.note(A, HostStoppedError("enough"), brought_bytes=False)
    assert list(seen.order([A, B])) == [B, A]


def test_all_are_tried_when_none_answers() -> None:
    seen = Reachability(enough=1)
    for url in (A, B):
        seen.failed(url)
    assert list(seen.order([A, B])) == [A, B]


def test_several_upstreams_are_inconsistent_only_together() -> None:
    missing, wrong = HttpStatusError(A, 404), IntegrityError("other bytes")
    assert is_upstreams_own(ManyUpstreamsError([missing, wrong, MissingError("no file")]))
    assert not is_upstreams_own(ManyUpstreamsError([missing, CUT]))
    assert not is_upstreams_own(HostStoppedError("enough"))
    assert says_absent(ManyUpstreamsError([missing, MissingError("no file")]))
    assert not says_absent(ManyUpstreamsError([missing, wrong]))
    assert not says_absent(HttpStatusError(A, 403, "the credentials were refused"))
    assert str(ManyUpstreamsError([missing, CUT, CUT])) == f"{A} answered 404; cut"


def test_only_wrong_bytes_are_worth_a_warning() -> None:
    failed = FailedUpstreams()
    failed.add([])
    failed.add([(A, HttpStatusError(A, 404))])
    failed.add([(B, IntegrityError("first")), (A, CUT)])
    failed.add([(B, IntegrityError("second"))])
    assert failed.others == 1
    (warning,) = failed.warnings
    assert warning.startswith("https://***@b delivered 2 artifacts")
    assert warning.endswith("The first: first")
