"""What is told, when, and in which words."""

import pytest

from syncer.ops.notify import event
from syncer.ops.notify.event import NotifiedEvent
from syncer.settings.notify_settings import webhook
from syncer.settings.settings import read
from syncer.sync.run import ChannelResult, Run
from volume.errors import ConfigError
from volume.program.log import redact
from volume.run_document import RunDocument

NONE: dict[str, float] = {}
HOOK = "https://hooks.example.com/services/T000/B000/a-secret"


def ended(status: str, *, error: str | None = None, left_out: int = 0) -> RunDocument:
    """A run document."""
    result = ChannelResult("conda-forge", downloaded=3, downloaded_size=5000)
    if status == "failed":
        result.status, result.error = "failed", error or "can't be reached"
    for number in range(left_out):
        result.fail(f"a-{number}.conda", "noarch", "answered 404", "absent")
    run = Run(started=100.0, channels=[result])
    if status == "stopped":
        run.status, run.error = "stopped", "stopped on request"
    run.conclude(160.0)
    assert run.status == status
    return run.document()


def names(found: list[NotifiedEvent]) -> list[str]:
    return [one.name for one in found]


def after(
    run: RunDocument, told: dict[str, float], *, is_first: bool = False
) -> list[NotifiedEvent]:
    return event.after_sync(run, told, is_first=is_first)


def test_a_failure_is_told_once_in_a_series() -> None:
    (failure,) = after(ended("failed"), NONE)
    assert (failure.name, failure.opens) == ("failure", "failure")
    assert failure.details[0] == "conda-forge: can't be reached"
    assert after(ended("failed"), {"failure": 1.0}) == []


def test_the_end_of_trouble_is_told_with_its_beginning() -> None:
    (recovery,) = after(ended("success"), {"failure": 86_400.0, "unhealthy": 172_800.0})
    assert recovery.name == "recovery"
    assert "1970-01-02 00:00 UTC" in recovery.headline
    assert recovery.closes >= {"failure", "unhealthy"}
    assert after(ended("success"), NONE) == []


def test_the_first_success_is_told_instead_of_a_recovery() -> None:
    (first,) = after(ended("success"), {"failure": 1.0}, is_first=True)
    assert first.name == "first-success"
    assert first.headline == "the first sync is complete: 3 artifacts, 5.0 kB"
    assert "failure" in first.closes


def test_a_partial_sync_did_its_work() -> None:
    partial = ended("partial", left_out=12)
    assert names(after(partial, NONE, is_first=True)) == ["first-success", "partial"]
    assert names(after(partial, {"failure": 1.0})) == ["recovery", "partial"]
    (told,) = after(partial, NONE)
    assert "left out 12 artifacts" in told.headline
    assert "a-0.conda: answered 404" in told.details[0]
    assert after(partial, {"partial": 1.0}) == []
    assert names(after(ended("success"), {"partial": 1.0})) == ["recovery"]


def test_a_stopped_sync_is_nothing_to_tell() -> None:
    assert after(ended("stopped"), NONE) == []
    assert after(ended("stopped"), {"failure": 1.0}) == []


def test_trouble_before_the_sync_and_silence_are_told_once() -> None:
    (refused,) = event.refused("the disk is not mounted\nreally", NONE)
    assert refused.details == ("the disk is not mounted", "really")
    assert event.refused("again", {"failure": 1.0}) == []
    (silent,) = event.unhealthy("no good sync for 60 h", NONE)
    assert silent.headline == "no good sync for 60 h"
    assert event.unhealthy("no good sync for 61 h", {"unhealthy": 1.0}) == []


def test_damage_is_told_each_time_and_long_lists_are_cut() -> None:
    found = event.damaged([f"artifact {number}" for number in range(25)], is_repaired=True)
    assert "25 stored artifacts are damaged or missing, fetched anew" in found.headline
    assert len(found.details) == 10
    assert found.details[-1] == "and 16 more"
    one = event.damaged(["a"], is_repaired=False)
    assert "1 stored artifact is damaged or missing, not repaired yet" in one.headline


def test_canaries() -> None:
    (bad,) = event.canaries(["python 3.12: no solution"], NONE)
    assert (bad.name, bad.details) == ("canary", ("python 3.12: no solution",))
    assert event.canaries(["python 3.12: no solution"], {"canary": 1.0}) == []
    (good,) = event.canaries([], {"canary": 1.0})
    assert (good.name, set(good.closes)) == ("recovery", {"canary"})
    assert event.canaries([], NONE) == []
    # A good sync does not heal a canary.
    assert "canary" not in after(ended("success"), {"failure": 1.0})[0].closes


def test_the_document_serves_chat_programs_and_machines() -> None:
    document = NotifiedEvent("failure", "it failed", ("a", "b")).document("https://mirror.lan", 0.0)
    assert document == {
        "text": "Conda mirror https://mirror.lan: it failed\n- a\n- b",
        "event": "failure",
        "mirror": "https://mirror.lan",
        "headline": "it failed",
        "details": ["a", "b"],
        "time": "1970-01-01T00:00:00+00:00",
    }
    assert NotifiedEvent("x", "it failed").document("", 0.0)["text"] == "Conda mirror: it failed"


def test_the_webhook_is_a_secret() -> None:
    address = webhook(HOOK)
    assert address is not None
    assert str(address) == "https://hooks.example.com/***"
    assert HOOK not in repr(address)
    assert redact(f"could not post to {HOOK} today") == "could not post to *** today"
    assert "a-secret" not in redact("POST /services/T000/B000/a-secret HTTP/1.1")
    assert webhook("") is None


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"NOTIFY_URL": "hooks.example.com/some-long-secret"}, "webhook's whole address"),
        ({"NOTIFY_URL": "ftp://hooks.example.com/x"}, "webhook's whole address"),
        ({"NOTIFY_URL": "http://hooks.example.com:99999/x"}, "webhook's whole address"),
        ({"NOTIFY_COMMAND": "echo 'x"}, "No closing quotation: quote it as in a shell"),
        ({"NOTIFY_ON": "failures"}, "write one of: failure, recovery"),
        ({"MIRROR_URL": "mirror.lan"}, "this mirror's address"),
        ({"MIRROR_URL": "http://me:pw@mirror.lan"}, "without a user and password"),
        ({"NOTIFY_UR": "x"}, "did you mean NOTIFY_URL?"),
    ],
)
def test_settings_that_can_not_be_meant(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(environment)
    assert words in redact(str(caught.value))
    assert "some-long-secret" not in redact(str(caught.value))


def test_settings_as_they_are_meant() -> None:
    settings = read({"NOTIFY_ON": "failure, damage", "MIRROR_URL": "https://mirror.lan/"})
    assert settings.notify_on == ("failure", "damage")
    assert settings.mirror_url == "https://mirror.lan"
    assert settings.notify_url is None
    assert "partial" not in read({}).notify_on
