"""Log lines are whole, and carry no credential."""

import json
import logging
import subprocess
import sys

import pytest

from volume.program import log


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("get http://me:secret@host/x", "get http://***@host/x"),
        ("get https://secret@host/x", "get https://***@host/x"),
        ("get http://me:sec@ret@host/x", "get http://***@host/x"),
        ("get https://host/t/secret/conda-forge", "get https://host/t/***/conda-forge"),
        ("a http://a:secret@h, b http://b:secret@h", "a http://***@h, b http://***@h"),
        ("mail to someone@host about http://host/x", "mail to someone@host about http://host/x"),
        ("http://host/path@x", "http://host/path@x"),
    ],
)
def test_credentials_are_masked(message: str, shown: str) -> None:
    assert log.redact(message) == shown


@pytest.fixture(autouse=True)
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_json_lines_are_objects_without_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    logging.getLogger("syncer.x").info("from %s\nsecond line", "http://a:secret@h/")
    try:
        raise ValueError("http://a:secret@h/")
    except ValueError:
        logging.getLogger("syncer.x").exception("failed")
    output = capsys.readouterr().err
    first, second = output.splitlines()
    assert json.loads(first)["message"] == "from http://***@h/\nsecond line"
    assert json.loads(first)["program"] == "syncer"
    assert "Traceback" in json.loads(second)["message"]
    assert "secret" not in output


def test_text_lines_name_the_level_where_it_matters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info", "text")
    logging.getLogger("syncer.x").info("all is well")
    logging.getLogger("syncer.x").warning("http://a:secret@h/ is slow")
    logging.getLogger("syncer.x").debug("not shown")
    logging.getLogger("urllib3").info("not shown")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("Z all is well")
    assert second.endswith("Z warning: http://***@h/ is slow")


def test_registered_secrets_are_masked_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "_registered", ())
    log.register("pa/ss wörd", "pa/ss", "abc", "")
    shown = "pa/ss wörd, pa%2Fss%20w%C3%B6rd, pa%2Fss+w%C3%B6rd, pa/ss%20w%C3%B6rd: pa/ss, abc"
    assert log.redact(shown) == "***, ***, ***, ***: ***, abc"
    assert log.holds_secret("https://host/pa%2Fss/x") and not log.holds_secret("https://host/abc")


def test_why_a_program_ends_is_said_in_the_configured_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complaint = "a is wrong\nhttps://me:secret@host is too"
    log.complain("syncer", complaint, "text")
    assert capsys.readouterr().err == "syncer: a is wrong\nsyncer: https://***@host is too\n"
    log.complain("syncer", complaint, " JSON ")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["program"], found["level"]) == ("syncer", "error")
    assert found["message"] == "a is wrong\nhttps://***@host is too"


def test_a_crash_is_one_json_object_too() -> None:
    code = (
        "from volume.program import log\nlog.configure('info', 'json'); raise KeyError('a mistake')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert json.loads(line)["level"] == "critical"
    assert "Traceback" in json.loads(line)["message"]
