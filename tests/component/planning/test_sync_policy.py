"""Policies and environments, as a whole sync carries them out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncer.sync.session import Options
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream.packages import Package, package
from volume.errors import ConfigError

DAY = 86400.0
NOW = 1_790_000_000.0  # September 2026

Configure = Callable[[str], None]


@pytest.fixture
def configure(syncer: Syncer, tmp_path: Path) -> Configure:
    """Write mirror.toml."""
    folder = tmp_path / "config"
    folder.mkdir()
    syncer.environment["CONFIG_DIR"] = str(folder)

    def write(text: str) -> None:
        (folder / "mirror.toml").write_text(text)

    return write


def publish(syncer: Syncer, *packages: Package, channel: str = "conda-forge") -> None:
    syncer.upstream.channel(channel).publish(*packages)


def committed(syncer: Syncer) -> set[str]:
    return {place.rpartition("/")[2] for place in syncer.volumes.committed()}


def dated(name: str, days_ago: float, version: str = "1", **fields: Any) -> Package:
    return package(name, version, timestamp=int((NOW - days_ago * DAY) * 1000), **fields)


def test_an_environment_brings_what_it_needs_across_channels(
    syncer: Syncer, configure: Configure
) -> None:
    configure("""
        [channels.conda-forge]
        [channels.bioconda]
        [environments.lab]
        channels = ["conda-forge", "bioconda"]
        specs = ["tool >=2"]
    """)
    base = [
        package("lib", "1", depends=("libc >=2",)),
        package("libc", "1"), package("libc", "2"),
        package("unrelated"),
    ]  # fmt: skip
    tools = [package("tool", "1"), package("tool", "2", depends=("lib",), subdir="noarch")]
    publish(syncer, *base)
    publish(syncer, *tools, channel="bioconda")
    del syncer.environment["CHANNELS"]
    run = syncer.run()
    assert run.status == "success", run.document()
    assert committed(syncer) == {base[0].filename, base[2].filename}
    with syncer.volumes.ledger("bioconda") as ledger:
        assert ledger.known("noarch").keys() == {tools[1].filename}

    syncer.upstream.reset_log()
    assert all(result.unchanged for result in syncer.run().channels)
    assert syncer.upstream.count("*/repodata*") == 4  # once for each channel and subdir

    # What changes in one channel reaches what the other has to bring.
    publish(syncer, package("tool", "3", depends=("unrelated",)), channel="bioconda")
    assert syncer.run().status == "success"
    assert base[3].filename in committed(syncer)


def test_an_environment_that_is_to_be_solved_brings_one_solution(
    syncer: Syncer, configure: Configure
) -> None:
    publish(syncer, package("a", "1"), package("a", "2", depends=("b",)), package("b", "1"))
    configure('[channels.conda-forge]\nspecs = ["a"]\nsolve = true')
    assert syncer.run().status == "success"
    assert committed(syncer) == {"a-2-0.conda", "b-1-0.conda"}
    configure('[channels.conda-forge]\nspecs = ["a >2"]\nsolve = true')
    result = syncer.channel()
    assert result.status == "failed"
    assert "has no solution on linux-64" in (result.error or "")
    assert committed(syncer) == {"a-2-0.conda", "b-1-0.conda"}


def test_the_cooldown_holds_back_what_is_new_and_lets_it_in_when_it_ends(syncer: Syncer) -> None:
    old, new = dated("a", 30), dated("b", 1)
    publish(syncer, old, new)
    syncer.environment["COOLDOWN_DAYS"] = "7"
    result = syncer.channel(now=lambda: NOW)
    assert committed(syncer) == {old.filename}
    assert [(plan.held, plan.held_size) for plan in result.plan] == [(1, len(new.data)), (0, 0)]
    assert syncer.channel(now=lambda: NOW + 5 * DAY).unchanged
    assert not syncer.channel(now=lambda: NOW + 6.1 * DAY).unchanged
    assert committed(syncer) == {old.filename, new.filename}


def test_a_backdated_artifact_does_not_get_around_the_cooldown(syncer: Syncer) -> None:
    publish(syncer, dated("a", 30))
    syncer.environment["COOLDOWN_DAYS"] = "7"
    syncer.run(now=lambda: NOW)
    backdated = dated("evil", 900)
    publish(syncer, backdated)
    assert syncer.channel(now=lambda: NOW + DAY).downloaded == 0
    assert backdated.filename not in committed(syncer)
    assert syncer.channel(now=lambda: NOW + 7 * DAY).unchanged
    assert syncer.channel(now=lambda: NOW + 8.1 * DAY).downloaded == 1


def test_new_bytes_under_a_known_name_wait_and_the_old_ones_stay(syncer: Syncer) -> None:
    publish(syncer, dated("a", 30))
    syncer.environment["COOLDOWN_DAYS"] = "7"
    syncer.run(now=lambda: NOW)
    before = syncer.volumes.committed()
    publish(syncer, dated("a", 29, padding_bytes=99))
    assert syncer.channel(now=lambda: NOW + DAY).downloaded == 0
    assert syncer.volumes.committed() == before
    assert syncer.channel(now=lambda: NOW + 8.1 * DAY).downloaded == 1
    assert syncer.volumes.committed() != before


def test_what_is_exempt_or_approved_needs_no_cooldown(syncer: Syncer) -> None:
    publish(syncer, dated("openssl", 1), dated("a", 1), dated("b", 1))
    syncer.environment |= {"COOLDOWN_DAYS": "7", "COOLDOWN_EXEMPT": "openssl"}
    syncer.run(now=lambda: NOW)
    assert committed(syncer) == {"openssl-1-0.conda"}
    syncer.run(now=lambda: NOW, options=Options(approved=("a 1.*",)))
    assert committed(syncer) == {"openssl-1-0.conda", "a-1-0.conda"}
    assert syncer.channel(now=lambda: NOW + DAY).status == "success"
    assert committed(syncer) == {"openssl-1-0.conda", "a-1-0.conda"}


def test_what_upstream_removes_leaves_at_once_whatever_the_cooldown(syncer: Syncer) -> None:
    old = dated("a", 30)
    publish(syncer, old, dated("b", 30))
    syncer.environment["COOLDOWN_DAYS"] = "7"
    syncer.run(now=lambda: NOW)
    syncer.upstream.channel("conda-forge").remove("linux-64", old.filename)
    assert syncer.channel(now=lambda: NOW + 60).retired == 1


def test_keep_holds_what_upstream_drops_but_deny_is_stronger(syncer: Syncer) -> None:
    a, b = package("a"), package("b")
    publish(syncer, a, b, package("c"))
    syncer.run()
    for one in (a, b):
        syncer.upstream.channel("conda-forge").remove("linux-64", one.filename)
    result = syncer.channel(KEEP="a b", DENY="b")
    assert (result.status, result.retired) == ("success", 1)
    assert sum(plan.kept_anyway for plan in result.plan) == 1
    assert committed(syncer) == {a.filename, "c-1.0-0.conda"}
    assert broken_promises(syncer.volumes) == []
    assert syncer.channel(KEEP="a b", DENY="b").unchanged


def test_a_denied_hash_leaves_although_its_name_stays(syncer: Syncer) -> None:
    bad, good = package("a", "1"), package("a", "2")
    publish(syncer, bad, good)
    syncer.run()
    result = syncer.channel(DENY=f"sha256:{bad.record['sha256']}")
    assert result.retired == 1 and committed(syncer) == {good.filename}
    assert sum(plan.denied for plan in result.plan) == 1


def test_a_spec_that_matches_nothing_is_a_warning_and_with_strict_an_error(syncer: Syncer) -> None:
    publish(syncer, package("numpy"))
    result = syncer.channel(INCLUDE="numpi numpy")
    assert result.status == "success"
    (warning,) = result.warnings
    assert "include = numpi matches nothing" in warning and "numpy" in warning
    answer = syncer.command("--once", "--strict", INCLUDE="numpy scypi")
    assert answer.code == 1
    assert "scypi matches nothing" in answer.out.partition("--strict")[0]
    assert "--strict" in answer.out


def test_what_an_environment_lacks_is_said(syncer: Syncer) -> None:
    publish(syncer, package("a", depends=("gone >=2",)))
    result = syncer.channel(SPECS="a nowhere")
    assert result.status == "success"
    assert any("gone >=2" in warning for warning in result.warnings)
    assert any("nowhere" in warning for warning in result.warnings)
    assert committed(syncer) == {"a-1.0-0.conda"}


def test_newest_versions_with_what_they_depend_on(syncer: Syncer) -> None:
    publish(
        syncer,
        *(package("a", str(number), depends=("lib 1.*",)) for number in range(1, 5)),
        *(package("lib", str(number)) for number in range(1, 4)),
    )
    assert syncer.run(NEWEST_VERSIONS="2").status == "success"
    assert committed(syncer) == {
        "a-3-0.conda", "a-4-0.conda", "lib-2-0.conda", "lib-3-0.conda", "lib-1-0.conda",
    }  # fmt: skip


def test_a_spec_file_that_is_missing_is_a_configuration_error(
    syncer: Syncer, configure: Configure
) -> None:
    configure('[channels.conda-forge]\nspec_files = ["lab/environment.yml"]')
    answer = syncer.command("--once")
    assert answer.code == 2
    assert "lab/environment.yml can't be read" in answer.err


def test_locked_artifacts_are_downloadable_as_long_as_a_lock_file_names_them(
    syncer: Syncer, configure: Configure, tmp_path: Path
) -> None:
    listed, gone, denied = package("a"), package("b"), package("c")
    publish(syncer, listed, gone, denied)
    for one in (gone, denied):
        syncer.upstream.channel("conda-forge").remove("linux-64", one.filename, keep_artifact=True)
    base = "https://conda.anaconda.org/conda-forge/linux-64"
    (tmp_path / "config" / "lab.txt").write_text(
        "@EXPLICIT\n"
        + "".join(
            f"{base}/{one.filename}#sha256:{one.record['sha256']}\n"
            for one in (listed, gone, denied)
        )
    )
    configure('[channels.conda-forge]\nspec_files = ["lab.txt"]\ndeny = ["c"]')
    answer = syncer.command("--once", "--dry-run", "--json")
    assert sum(plan["locked"] for plan in answer.document["plan"]) == 1
    assert "To download: 2 artifacts" in syncer.command("--once", "--dry-run").out
    result = syncer.channel()
    assert result.status == "success", result
    assert committed(syncer) == {listed.filename}
    retired = syncer.volumes.mirror.retired("conda-forge", "linux-64")
    assert {path.name for path in retired.iterdir()} == {gone.filename}
    assert (retired / gone.filename).read_bytes() == gone.data
    syncer.upstream.reset_log()
    assert syncer.channel().unchanged
    assert syncer.upstream.count("*.conda") == 0
    assert broken_promises(syncer.volumes) == []


def test_a_lock_file_for_another_platform_is_named(
    syncer: Syncer, configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "config" / "lab.txt").write_text(
        "# platform: win-64\n@EXPLICIT\n"
        "https://conda.anaconda.org/conda-forge/win-64/a-1-0.conda#sha256:" + "0" * 64
    )
    configure('[channels.conda-forge]\nspec_files = ["lab.txt"]')
    answer = syncer.command("--once", "--dry-run")
    assert answer.code == 2
    assert "lab.txt is for win-64, and linux-64 is mirrored" in answer.err


def test_a_sync_that_would_break_an_environment_is_refused_if_the_policy_says_so(
    syncer: Syncer,
) -> None:
    lib = package("lib")
    publish(syncer, package("a", depends=("lib",)), lib, *(package(f"x{n}") for n in range(9)))
    assert syncer.run(CANARY="a").status == "success"
    syncer.upstream.channel("conda-forge").remove("linux-64", lib.filename)
    result = syncer.channel(CANARY="a", CANARY_BLOCKS="yes")
    assert result.status == "failed"
    assert "could not be installed any more" in (result.error or "")
    assert "lib" in (result.error or "")
    assert lib.filename in committed(syncer)
    run = syncer.run(CANARY="a")
    assert run.status == "success"
    assert [(one.name, one.subdir) for one in run.canaries] == [("a", "linux-64")]


def test_explain_says_why_each_artifact_is_wanted_or_not(syncer: Syncer) -> None:
    publish(syncer, package("numpy", "1.26"), package("numpy", "2.0"), package("scipy"))
    answer = syncer.command("--once", "--dry-run", "--explain", "numpy", INCLUDE="numpy<2")
    assert answer.code == 0
    assert "numpy-1.26-0.conda: wanted: include = numpy<2" in answer.out
    assert "numpy-2.0-0.conda: left out, not included" in answer.out
    assert "scipy" not in answer.out
    wrong = syncer.command("--once", "--dry-run", "--explain", "numpy >>1")
    assert wrong.code == 2 and "numpy >>1" in wrong.err


def test_a_damaged_ledger_does_not_keep_a_run_with_canaries_from_its_end(syncer: Syncer) -> None:
    publish(syncer, package("a"))
    syncer.environment |= {"CHANNELS": "conda-forge bioconda", "CANARY": "a"}
    publish(syncer, package("a"), channel="bioconda")
    assert syncer.run().status == "success"
    syncer.volumes.state.ledger("bioconda").write_bytes(
        b"not a ledger, and longer than a header" * 9
    )
    publish(syncer, package("b"))
    run = syncer.run()
    assert [result.status for result in run.channels] == ["success", "failed"]
    assert (run.status, run.canaries) == ("partial", [])
    assert run.finished is not None


@pytest.mark.parametrize(
    "hostile",
    [
        "y " + "(" * 6_000 + "1" + ")" * 6_000,  # ended the process
        "y" + " " * 200_000,  # kept it busy for hours
    ],
)
def test_a_record_that_no_parser_survives_is_left_out_and_named(
    syncer: Syncer, hostile: str
) -> None:
    good, bad = package("a", "1"), package("a", "2", depends=(hostile,))
    publish(syncer, good, bad)
    run = syncer.run(SPECS="a")
    assert run.status == "partial"
    assert committed(syncer) == {good.filename}
    assert bad.filename in str(run.document())
    assert "characters" in str(run.document())


def test_a_changed_guard_or_canary_plans_nothing_anew(syncer: Syncer) -> None:
    publish(syncer, package("a", "1"))
    assert syncer.run().status == "success"
    again = syncer.run(WIPE_GUARD_PERCENT="50", CANARY="a", CANARY_BLOCKS="yes")
    assert all(result.unchanged for result in again.channels)
    assert not any(result.unchanged for result in syncer.run(EXCLUDE="tk").channels)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"INCLUDE": "a", "EXCLUDE": "a"}, "1 excluded (exclude = a)"),
        ({"EXCLUDE": "*"}, "2 excluded (exclude = *)"),
        ({"INCLUDE": "a b", "EXCLUDE": "a", "LICENSES": "None"}, "1 excluded (exclude = a), 1 li"),
        ({"NEWER_THAN": "2030-01-01"}, "2 too old (newer_than = 2030-01-01)"),
    ],
)  # fmt: skip
def test_a_first_sync_that_would_end_with_an_empty_mirror_is_refused(
    syncer: Syncer, settings: dict[str, str], said: str
) -> None:
    publish(syncer, package("a"), package("b"))
    syncer.environment |= settings
    result = syncer.channel()
    assert result.status == "failed"
    assert f"all that the policy includes it leaves out again: {said}" in (result.error or "")
    answer = syncer.command("--once", "--dry-run")
    assert answer.code == 1 and said in answer.err
    wiped = syncer.run(options=Options(allow_wipe=frozenset({"conda-forge"})))
    assert wiped.status == "success"
    assert committed(syncer) == set()


def test_a_channel_that_has_nothing_of_what_is_included_is_no_failure(syncer: Syncer) -> None:
    publish(syncer, package("a"), package("tk"))
    syncer.upstream.channel("bioconda").publish(package("samtools"))
    run = syncer.run(CHANNELS="conda-forge bioconda", INCLUDE="samtools", EXCLUDE="tk")
    assert run.status == "success"


def test_everything_in_its_cooldown_is_no_failure(syncer: Syncer) -> None:
    publish(syncer, dated("a", 1))
    assert syncer.run(COOLDOWN_DAYS="7", now=lambda: NOW).status == "success"


@pytest.mark.parametrize("asked", ["gone-1.0-0.conda", "openssl >9", "nosuch"])
def test_an_approval_of_what_matches_nothing_is_no_success(syncer: Syncer, asked: str) -> None:
    publish(syncer, package("openssl", "1"), dated("new", 1))
    syncer.environment["COOLDOWN_DAYS"] = "7"
    answer = syncer.command("--once", "--approve", asked)
    assert answer.code == 3
    assert f"--approve {asked} matches nothing that any channel lists" in answer.out
    answer = syncer.command("--once", "--dry-run", "--approve", asked)
    assert answer.code == 1 and "matches nothing" in answer.err
    assert syncer.command("--once", "--approve", "openssl").code == 0


def test_a_refused_record_is_not_explained_as_wanted(syncer: Syncer) -> None:
    bad = package("bad")
    publish(syncer, bad, package("good"))
    syncer.upstream.channel("conda-forge").hotfix("linux-64", bad.filename, sha256="xyz")
    answer = syncer.command("--once", "--dry-run", "--explain", "bad")
    assert f"{bad.filename}: left out, refused: its record gives a malformed sha256" in answer.out
    assert "wanted" not in answer.out


def test_a_misspelt_subdir_is_told_the_right_one(syncer: Syncer) -> None:
    with pytest.raises(ConfigError, match="'linux64' is not one that conda knows; did you mean li"):
        syncer.run(SUBDIRS="linux64")
