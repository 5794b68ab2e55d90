"""One run: rounds of changes, a cut, a look, a recovery and another look."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.powerloss import check
from benchmarks.powerloss.disks import Disk, mounted
from benchmarks.powerloss.programs import Command, Programs
from benchmarks.torture import person
from benchmarks.torture.journal import Journal
from benchmarks.torture.known import Known
from benchmarks.torture.person import Person
from benchmarks.torture.programs import environment_of
from benchmarks.torture.upstream import CHANNEL, DENIED, HOT, SUBDIRS, ChangingUpstream
from tests.support.mirror.tree import Volumes
from tests.support.upstream.installers import Folder, broken_installers, content, published
from tests.support.upstream.simulator import ChannelSimulator

SYNC = Command("syncer", ("--once",))
INDEX = Command("indexer", ("--once",))
EXPIRE = Command("syncer", ("--once",), (("RETIRE_DAYS", "0"),))
FORGET = Command("indexer", ("--once",), (("KEEP_GENERATIONS", "1"),))
VERIFY = Command("syncer", ("verify",))
ROLLBACK = Command("indexer", ("rollback", CHANNEL))
RELEASE = Command("indexer", ("rollback", "--release", CHANNEL))

# The last step is cut; of more commands in a step all run at the same time.
Plan = tuple[tuple[Command, ...], ...]
PLANS: tuple[Plan, ...] = (
    ((SYNC,),),
    ((SYNC,),),
    ((SYNC,), (INDEX,)),
    ((INDEX,),),
    ((SYNC,), (EXPIRE,)),
    ((SYNC,), (INDEX,), (EXPIRE,)),
    ((SYNC,), (FORGET,), (EXPIRE,)),
    ((SYNC,), (FORGET,)),
    ((SYNC, INDEX),),
    ((SYNC,), (EXPIRE, FORGET)),
    ((VERIFY,),),
    ((ROLLBACK,),),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What to cut: ``kind`` of filesystem, and whether the volumes are on one or on two."""

    kind: str
    is_apart: bool
    cuts: int
    seed: int
    conda_exe: Path
    folder: Path | None = None
    say: Callable[[str], None] = lambda line: None


def powerloss(options: Options) -> Journal:
    """Cut so often; what was counted and found is in the journal.

    Raises:
        RuntimeError: a filesystem can't be made.
    """
    journal = Journal()
    names = ("mirror-disk", "state-disk") if options.is_apart else ("disk",)
    with (
        tempfile.TemporaryDirectory(prefix="powerloss-", dir=options.folder) as name,
        ChannelSimulator() as simulator,
        mounted(options.kind, Path(name), *names) as disks,
    ):
        story = _Story(options, journal, simulator, disks, Path(name) / "known")
        for number in range(options.cuts):
            options.say(f"{journal.seconds:6.0f} s: cut {number + 1} of {options.cuts}, "
                        f"{len(journal.findings)} findings")  # fmt: skip
            story.round()
        story.end()
    return journal


class _Story:
    def __init__(
        self,
        options: Options,
        journal: Journal,
        simulator: ChannelSimulator,
        disks: Sequence[Disk],
        known: Path,
    ) -> None:
        self._journal = journal
        self._dice = random.Random(f"{options.seed} {options.kind} {options.is_apart}")
        self._disks = disks
        mirror, state = disks[0].mount_point / "mirror", disks[-1].mount_point / "state"
        self._volumes = Volumes(mirror, state)
        self._upstream = ChangingUpstream(simulator, self._dice, known)
        self._known = Known(known)
        self._person = Person(mirror / "local", self._dice, known.with_name("put"))
        self._installers = Folder(simulator)
        self._environment = _environment(options, mirror, state, simulator.url)
        mounts = [disk.mount_point for disk in disks]
        self._programs = Programs(self._environment, mounts, self._dice)
        self._seconds = {"syncer": 2.0, "indexer": 3.0}
        self._begin()

    def _begin(self) -> None:
        """On new filesystems: a first sync and a first index."""
        for disk in self._disks:
            disk.make()
        for folder in (self._volumes.mirror_dir, self._volumes.state_dir):
            folder.mkdir(mode=0o755)
        self._person.begin()
        self._put_installer()
        self._whole(SYNC, INDEX)

    def _put_installer(self) -> None:
        text = str(self._dice.randrange(1000))
        name = f"Miniconda3-py312_24.{self._dice.randrange(1, 9)}.0-0-Linux-x86_64.sh"
        self._installers.put(**{name: content(text)})
        self._installers.list_json()

    # -- a round ---------------------------------------------------------------------------------

    def round(self) -> None:
        """Change something, cut the power, and look; a finding ends in new filesystems."""
        found = len(self._journal.findings)
        self._change()
        plan = self._dice.choice(PLANS)
        for step in plan[:-1]:
            self._whole(*step)
        self._cut(plan[-1])
        for disk in self._disks:
            disk.revive()
        self._look()
        self._journal.count("undone by hand", self._person.look())
        self._recover([RELEASE] if ROLLBACK in plan[-1] else [])
        if len(self._journal.findings) > found:
            self._begin()

    def end(self) -> None:
        """Let everything old expire, and look once more."""
        self._upstream.tick()  # so that there is a new generation, and no older one
        self._whole(EXPIRE, FORGET, EXPIRE)
        self._compare()
        for folder in ("retired", "replaced", "quarantine"):
            for path in (self._volumes.mirror_dir / folder / CHANNEL).rglob("*.*"):
                if path.is_file():
                    self._find([f"left over: {path}"])

    def _change(self) -> None:
        dice = self._dice
        for _ in range(dice.randrange(1, 4)):
            self._journal.event(f"upstream: {self._upstream.change()}")
        if dice.random() < 0.4:
            self._journal.event(f"a person {self._person.change()}")
        if dice.random() < 0.3:
            self._put_installer()
        self._environment["DENY"] = " ".join([DENIED, *dice.sample(HOT, dice.choice((0, 0, 1, 2)))])
        self._environment["RETIRE_DAYS"] = dice.choice(("0", "0.00002", "14"))
        self._environment["KEEP_GENERATIONS"] = dice.choice(("1", "2", "5"))
        self._environment["INDEX_ENGINE"] = dice.choice(("own", "own", "conda-index"))
        chosen = ("DENY", "RETIRE_DAYS", "KEEP_GENERATIONS", "INDEX_ENGINE")
        self._journal.event(", ".join(f"{name}={self._environment[name]}" for name in chosen))

    def _cut(self, commands: Sequence[Command]) -> None:
        shown = " and ".join(map(str, commands))
        longest = 1.2 * max(self._seconds[one.program] for one in commands)
        is_by_point = self._dice.random() < 0.5
        when = self._programs.cut(
            commands,
            probability=self._dice.choice((0.01, 0.03, 0.1)) if is_by_point else 0.0,
            seconds=10 * longest if is_by_point else self._dice.uniform(0.3, longest),
        )
        self._journal.event(f"power cut {when} of {shown}")
        self._journal.count("cuts")
        self._journal.count(f"cut {when}")

    def _whole(self, *commands: Command) -> bool:
        """Run one after the other, undisturbed; each must end well."""
        for command in commands:
            ended = self._programs.run(command)
            self._journal.event(f"{command}: exit {ended.code}")
            self._journal.count(f"{command.program} runs")
            if ended.code != 0 and command not in {ROLLBACK, RELEASE}:
                self._find([f"{command} ended with {ended.code}: {ended.said[-1500:]}"])
                return False
            if command in {SYNC, INDEX}:
                self._seconds[command.program] = ended.seconds
        return True

    # -- looking ---------------------------------------------------------------------------------

    def _look(self) -> None:
        self._find(check.at_once(self._volumes, CHANNEL, self._known.has_bytes))
        self._find(check.at_once(self._volumes, person.CHANNEL, self._person.has_bytes))
        try:
            self._find(broken_installers(self._volumes.mirror_dir))
        except (OSError, ValueError) as error:
            self._find([f"I1: installers: {error!r}"])

    def _recover(self, before: Sequence[Command]) -> None:
        if self._whole(*before, SYNC, INDEX):
            self._look()
            self._compare()

    def _compare(self) -> None:
        denied = set(self._environment["DENY"].split())
        wanted = {
            f"{subdir}/{name}": record
            for subdir in SUBDIRS
            for name, record in self._upstream.records(subdir).items()
            if record["name"] not in denied
        }
        self._find(check.differences("index", check.published(self._volumes, CHANNEL), wanted))
        mine = {
            name: record["sha256"]
            for name, record in check.published(self._volumes, person.CHANNEL).items()
        }
        self._find(check.differences("index of team", mine, self._person.hashes()))
        here = published(self._volumes.mirror_dir)
        self._find(check.differences("installers", _sizes(here), _sizes(self._installers.files)))
        self._find(check.at_rest(self._volumes, CHANNEL))

    def _find(self, problems: Iterable[str]) -> None:
        for problem in problems:
            kind, _, fact = problem.partition(": ")
            self._journal.find(kind, str(self._volumes.mirror_dir), fact)


def _sizes(contents: Mapping[str, bytes]) -> dict[str, int]:
    return {name: len(content) for name, content in contents.items()}


def _environment(options: Options, mirror: Path, state: Path, url: str) -> dict[str, str]:
    return {
        **environment_of(options.conda_exe, mirror, state, url, [CHANNEL]),
        "RETIRE_DAYS": "14",
        "KEEP_GENERATIONS": "5",
        "INDEX_ENGINE": "own",
    }
