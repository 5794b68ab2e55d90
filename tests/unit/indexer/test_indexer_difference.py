"""`indexer diff`, over generations that were written by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.generations.difference import Difference
from tests.support.mirror.generation import publish
from tests.support.mirror.written import Written
from tests.support.upstream.packages import hotfixed, package
from volume.errors import StateError

CHANNEL = "conda-forge"
STAYS = tuple(package(f"stays{number}") for number in range(3))
REPODATA = "linux-64/repodata.json"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


class TestCompare:
    def test_records_are_added_removed_and_changed(self, written: Written) -> None:
        fixed = package("fixed", depends=("stays0", "old"))
        older = written.write(*STAYS, fixed, package("gone"), package("b", extension=".tar.bz2"))
        newer = written.write(
            *STAYS,
            hotfixed(fixed, depends=["stays0", "new"], license=None, constrains=["x <2"]),
            package("added"),
            package("b", extension=".tar.bz2", padding_bytes=10),
        )
        found = written.compare(older, newer)
        assert set(found) == {"linux-64", "noarch"}
        assert found["noarch"] == Difference("noarch")
        one = found["linux-64"]
        assert one.added == ("added-1.0-0.conda",)
        assert one.removed == ("gone-1.0-0.conda",)
        assert one.same == 3
        changed = {item.filename: item.fields for item in one.changed}
        assert set(changed) == {"b-1.0-0.tar.bz2", "fixed-1.0-0.conda"}
        assert {item.name for item in changed["b-1.0-0.tar.bz2"]} == {"md5", "sha256", "size"}
        fields = {item.name: (item.old, item.new) for item in changed["fixed-1.0-0.conda"]}
        assert fields == {
            "constrains": (None, ["x <2"]),
            "depends": (["stays0", "old"], ["stays0", "new"]),
            "license": ("MIT", None),
        }

    def test_backwards_is_the_mirror_image(self, written: Written) -> None:
        older, newer = written.write(*STAYS), written.write(*STAYS, package("new"))
        assert written.compare(newer, older)["linux-64"].removed == ("new-1.0-0.conda",)
        assert written.compare(newer, newer)["linux-64"] == Difference("linux-64", same=4)

    def test_a_null_is_not_a_missing_field(self, written: Written) -> None:
        one = package("a")
        older = written.write(one)
        newer = written.write(replace(one, record={**one.record, "track_features": None}))
        (changed,) = written.compare(older, newer)["linux-64"].changed
        assert [item.name for item in changed.fields] == ["track_features"]

    def test_the_order_of_keys_is_no_change(self, written: Written) -> None:
        one = package("a")
        older = written.write(one)
        newer = written.write(replace(one, record=dict(reversed(one.record.items()))))
        assert (written.path(older) / REPODATA).read_bytes() != (
            written.path(newer) / REPODATA
        ).read_bytes()
        assert written.compare(older, newer)["linux-64"] == Difference("linux-64", same=1)

    def test_a_subdir_may_come_and_go(self, written: Written) -> None:
        older, newer = written.write(), written.write(package("w", subdir="win-64"))
        assert written.compare(older, newer)["win-64"].added == ("w-1.0-0.conda",)
        assert written.compare(newer, older)["win-64"].removed == ("w-1.0-0.conda",)

    def test_a_subdir_that_is_one_file_in_both_is_not_read(self, written: Written) -> None:
        older, newer = written.write(*STAYS), written.write(*STAYS)
        path = written.path(newer) / REPODATA
        path.unlink()
        path.hardlink_to(written.path(older) / REPODATA)
        path.write_text("not read")
        assert written.compare(older, newer)["linux-64"] == Difference("linux-64", same=3)

    @pytest.mark.parametrize("content", ["", "[]", "{"])
    def test_what_can_not_be_read_is_named(self, written: Written, content: str) -> None:
        older, newer = written.write(*STAYS), written.write(*STAYS)
        (written.path(newer) / REPODATA).write_text(content)
        with pytest.raises(StateError, match=r"linux-64/repodata\.json can't be read"):
            written.compare(older, newer)

    def test_a_generation_without_its_folder_is_named(self, written: Written) -> None:
        older, newer = written.write(*STAYS), written.write(*STAYS)
        written.path(older).rename(written.path(older).with_name("elsewhere"))
        with pytest.raises(StateError, match="gen-000001 is gone"):
            written.compare(older, newer)


class TestDiffCommand:
    @pytest.fixture
    def three(self, written: Written) -> Written:
        fixed = package("fixed", depends=("stays0", "old"))
        written.write(*STAYS)
        written.write(*STAYS, fixed)
        written.write(*STAYS[1:], hotfixed(fixed, depends=["new", "stays0"], license="BSD"))
        return written

    def test_the_published_one_and_the_one_before_are_the_default(self, three: Written) -> None:
        assert three.run("diff") == (
            "conda-forge: from generation 2 (20260102T000000Z)"
            " to generation 3 (20260103T000000Z)\n"
            "linux-64: 1 removed, 1 changed, 2 the same\n"
            "  removed  stays0-1.0-0.conda\n"
            '  changed  fixed-1.0-0.conda: depends gains "new", loses "old";'
            ' license was "MIT", is "BSD"\n'
            "noarch: nothing changed, 0 the same\n"
        )

    def test_after_a_rollback_the_default_is_what_is_published(self, three: Written) -> None:
        current = three.mirror.current(CHANNEL)
        current.unlink()
        current.symlink_to("gen-000002")
        assert "from generation 1 (20260101T000000Z) to generation 2" in three.run("diff")

    @pytest.mark.parametrize(
        "names", [("1", "3"), ("20260101T000000Z", "20260103T000000Z"), ("1", "20260103T000000Z")]
    )
    def test_generations_have_numbers_and_snapshots(
        self, three: Written, names: tuple[str, str]
    ) -> None:
        document = three.json("diff", *names, "--channel", CHANNEL)
        assert document["channel"] == CHANNEL
        assert document["older"] == {"generation": 1, "snapshot": "20260101T000000Z"}
        assert document["newer"] == {"generation": 3, "snapshot": "20260103T000000Z"}
        (linux, noarch) = document["subdirs"]
        assert (linux["subdir"], linux["added"], linux["removed"], linux["same"]) == (
            "linux-64", ["fixed-1.0-0.conda"], ["stays0-1.0-0.conda"], 2,
        )  # fmt: skip
        assert noarch == {"subdir": "noarch", "added": [], "removed": [], "changed": [], "same": 0}

    def test_machines_read_both_values(self, three: Written) -> None:
        (linux, _) = three.json("diff", "2")["subdirs"]
        assert linux["changed"] == [
            {
                "filename": "fixed-1.0-0.conda",
                "fields": [
                    {"name": "depends", "old": ["stays0", "old"], "new": ["new", "stays0"]},
                    {"name": "license", "old": "MIT", "new": "BSD"},
                ],
            }
        ]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("9",), "conda-forge has no generation 9; it keeps: 1, 2, 3"),
            (("1", "20250101T000000Z"), "no generation 20250101T000000Z"),
            (("--channel", "nowhere"), "no channel 'nowhere'"),
        ],
    )
    def test_what_is_not_there_is_2(
        self, three: Written, arguments: tuple[str, ...], words: str
    ) -> None:
        assert words in three.run("diff", *arguments, expected=2)

    def test_one_generation_has_no_difference(self, written: Written) -> None:
        assert "name the channel with --channel: none here" in written.run("diff", expected=2)
        written.write(*STAYS)
        assert "no generation older than 1" in written.run("diff", expected=2)

    def test_of_several_channels_one_must_be_named(self, three: Written) -> None:
        publish(three.mirror.root, "bioconda", STAYS)
        said = three.run("diff", expected=2)
        assert "name the channel with --channel: bioconda conda-forge" in said
        assert "no generation" in three.run("diff", "--channel", "bioconda", expected=2)
        three.run("diff", "--channel", CHANNEL)

    def test_long_values_are_cut_for_people(self, written: Written) -> None:
        one = package("a")
        written.write(one)
        written.write(hotfixed(one, summary="x" * 1000, depends=["y" * 500]))
        lines = written.run("diff").splitlines()
        assert max(len(line) for line in lines) < 220
