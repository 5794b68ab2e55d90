"""Installers from an upstream that does not do what it should, and what a disk does to them."""

import functools

import pytest

from syncer.sync import session as sync
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.installers import (
    DAY,
    LATEST,
    NEW,
    Folder,
    broken_installers,
    content,
    here,
    sync_installers,
    wanted,
)
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume.program.stop import Stop


@pytest.fixture
def syncer(syncer: Syncer) -> Syncer:
    syncer.environment |= {"INSTALLERS": "miniconda", "SUBDIRS": "linux-64"}
    return syncer


BAD_LISTINGS = {
    "login page": (b"<html><form action=/login></form></html>", "is not a listing of files"),
    "cut": (b'{"Miniconda3-latest-Linux-x86_64.sh": {"md5"', "is cut"),
    "empty": (b"{}", "no installer that can be used"),
}


class TestBadUpstream:
    @pytest.mark.parametrize("name", BAD_LISTINGS)
    def test_a_bad_listing_changes_nothing_and_holds_back_no_channel(
        self, syncer: Syncer, folder: Folder, name: str
    ) -> None:
        sync_installers(syncer)
        before = here(syncer)
        body, said = BAD_LISTINGS[name]
        folder.upstream.put_file("/miniconda/.files.json", body)
        folder.upstream.channel("conda-forge").publish(package("xz"))
        answer = syncer.command("--once")
        assert answer.code == 3
        assert said in answer.out and "stay as they are" in answer.out
        assert here(syncer) == before
        assert len(syncer.volumes.committed()) == 2
        folder.list_json()
        assert sync_installers(syncer).status == "success"

    @pytest.mark.parametrize(
        ("page", "said"),
        [
            (None, "neither .files.json nor a page is there"),
            (b"<html><p>Maintenance</p></html>", "no table of installers"),
            (
                b"<table><tr><th>Filename</th><th>SHA1</th></tr><tr><td>a.sh</td><td>"
                + b"ab" * 20 + b"</td></tr></table>",
                "neither a sha256 nor an md5",
            ),
        ],
    )  # fmt: skip
    def test_a_bad_page(
        self, syncer: Syncer, simulator: ChannelSimulator, page: bytes | None, said: str
    ) -> None:
        simulator.channel("conda-forge").publish(package("zlib"))
        if page is not None:
            simulator.put_file("/miniconda/", page)
        answer = syncer.command("--once")
        assert answer.code == 3
        assert said in answer.out, answer.out

    def test_a_listing_that_lost_most_rows_removes_nothing(
        self, syncer: Syncer, simulator: ChannelSimulator
    ) -> None:
        simulator.channel("conda-forge").publish(package("zlib"))
        folder = Folder(simulator)
        folder.put(**{f"Miniconda3-1.{n}-Linux-x86_64.sh": content(str(n), 64) for n in range(30)})
        folder.list_json()
        syncer.environment |= {"INSTALLER_NEWEST": "0", "RETIRE_DAYS": "0"}
        sync_installers(syncer)
        before = here(syncer)
        folder.drop(*list(folder.files)[:15])
        folder.list_json()
        result = sync_installers(syncer)
        assert result.error is not None and "--allow-wipe miniconda" in result.error
        assert here(syncer) == before
        allowed = sync.Options(allow_wipe={"miniconda"})
        assert syncer.run(options=allowed).status == "success"
        assert here(syncer) == folder.files

    def test_an_older_listing_is_refused(self, syncer: Syncer, folder: Folder) -> None:
        stale = folder.upstream.resource("/miniconda/.files.json")
        folder.put(**{LATEST: content("newer")})
        folder.list_json()
        sync_installers(syncer)
        before = here(syncer)
        folder.upstream.script("/miniconda/.files.json", faults.stale(stale, times=None))
        result = sync_installers(syncer)
        assert result.error is not None and "a stale proxy or mirror" in result.error
        assert here(syncer) == before

    def test_other_bytes_than_listed_are_left_out(self, syncer: Syncer, folder: Folder) -> None:
        newer = "Miniconda3-py312_25.1.0-0-Linux-x86_64.sh"
        sync_installers(syncer)
        folder.put(**{newer: content("newer"), LATEST: content("latest")})
        folder.list_json()
        folder.upstream.put_file(f"/miniconda/{LATEST}", content("a virus"))
        result = sync_installers(syncer)
        assert (result.status, result.failed) == ("partial", 1)
        assert "sha256" in result.failures[0].reason
        assert here(syncer) == {
            NEW: content("new"), newer: content("newer"), LATEST: content("new"),
        }  # fmt: skip
        folder.upstream.put_file(f"/miniconda/{LATEST}", content("latest"))
        assert sync_installers(syncer).status == "success"
        assert here(syncer)[LATEST] == content("latest")
        staging = syncer.volumes.mirror_dir / "staging/installers/miniconda"
        assert list(staging.iterdir()) == []

    def test_a_listing_that_changes_meanwhile_is_read_again(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        def release() -> None:
            folder.put(**{NEW: content("rebuilt"), LATEST: content("rebuilt")})
            folder.list_json()

        folder.upstream.before("/miniconda/*.sh", 1, release)
        result = sync_installers(syncer)
        assert (result.status, result.failed) == ("success", 0)
        assert here(syncer) == wanted(folder, NEW, LATEST)

    @pytest.mark.parametrize("listing", ["json", "page"])
    def test_a_cut_download_is_gone_on_from_in_the_next_run(
        self, syncer: Syncer, simulator: ChannelSimulator, listing: str
    ) -> None:
        simulator.channel("conda-forge").publish(package("zlib"))
        folder = Folder(simulator)
        folder.put(**{LATEST: content("large", 300_000)})
        folder.list_json() if listing == "json" else folder.list_page()
        simulator.script(f"/miniconda/{LATEST}", faults.truncated(100_000, times=1))
        assert sync_installers(syncer, SYNC_TRIES="1").status == "partial"
        assert here(syncer) == {}
        simulator.reset_log()
        assert sync_installers(syncer).status == "success"
        assert here(syncer) == folder.files
        (request,) = simulator.requests(f"/miniconda/{LATEST}")
        assert request.range == "bytes=100000-"

    def test_a_stopped_run_keeps_what_is_published(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer)
        before = here(syncer)
        folder.put(**{LATEST: content("newer")})
        folder.list_json()
        stop = Stop()
        folder.upstream.before(f"/miniconda/{LATEST}", 1, stop.request)
        run = syncer.run(stop=stop)
        assert run.status in {"stopped", "success"}
        assert broken_installers(syncer.volumes.mirror_dir) == []
        assert run.status == "success" or here(syncer) == before
        sync_installers(syncer)
        assert here(syncer)[LATEST] == content("newer")

    def test_the_second_address_stands_in_for_the_first(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        with ChannelSimulator() as dead:
            urls = f"{dead.url} {folder.upstream.url}"
            result = sync_installers(syncer, CONDA_REPO_URL=urls)
        assert result.status == "success"
        assert here(syncer) == wanted(folder, NEW, LATEST)


class TestTerms:
    @pytest.mark.parametrize("kind", ["archive", "miniconda"])
    def test_anaconda_is_not_asked_without_a_persons_word(self, syncer: Syncer, kind: str) -> None:
        answer = syncer.command("--once", INSTALLERS=kind, CONDA_REPO_URL="")
        assert answer.code == 2
        assert f"INSTALLERS={kind}" in answer.err
        assert "ANACONDA_TERMS_ACCEPTED=yes" in answer.err
        assert "miniforge" in answer.err

    def test_an_unknown_kind_is_named(self, syncer: Syncer) -> None:
        answer = syncer.command("--once", INSTALLERS="miniforge mambaforge")
        assert answer.code == 2
        assert (
            "there is no 'mambaforge'; write one or more of: archive, miniconda, miniforge"
            in answer.err
        )


class TestVerify:
    def test_damage_is_quarantined_and_fetched_again(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer)
        path = syncer.volumes.mirror_dir / "installers/miniconda/current" / NEW
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)
        found = syncer.verify()
        assert {(one.channel, one.filename) for one in found.damaged} == {
            ("miniconda", NEW), ("miniconda", LATEST),
        }  # fmt: skip
        assert found.exit_code == 3
        assert broken_installers(syncer.volumes.mirror_dir) == []
        assert here(syncer) == wanted(folder, NEW, LATEST)
        kept = list((syncer.volumes.mirror_dir / "quarantine/installers/miniconda").iterdir())
        assert [one.read_bytes() for one in kept] == [bytes(data)] * 2
        assert syncer.verify().exit_code == 0

    def test_each_is_looked_at_once_in_the_days_of_a_scrub(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        sync_installers(syncer)

        def looked_at(kinds: str) -> int:
            nights = [
                syncer.verify(
                    rolling=True,
                    now=functools.partial(float, day * DAY),
                    SCRUB_DAYS="5",
                    INSTALLERS=kinds,
                )
                for day in range(5)
            ]
            return sum(night.looked_at for night in nights)

        assert looked_at("miniconda") - looked_at("") == 2
