"""Power loss: both programs at work on filesystems of their own, whose power is cut at random.

    sudo .venv/bin/python -m benchmarks.powerloss --cuts 100

The volumes are loop mounts, on one filesystem and on two. A cut is ``FS_IOC_SHUTDOWN`` without a
flush of the log: what no program has waited for is gone, as far as it was not written back by
chance, which is played too. Cuts fall at fault points, at random moments, and just after a
program has ended well. Then the filesystems are mounted again and looked at.

Guaranteed of a run that prints no finding: after each cut every record of the published index and
of each snapshot resolved to its bytes (I1), its variants agreed (I2), nothing else than whole files
of upstream and of people lay where nginx serves from (I3); one sync and one index afterwards
published exactly what upstream lists and the policy permits, and what people had put there, so
nothing withdrawn or denied came back (I4, I5); the ledger and the files were the same.
Not guaranteed: anything about disks that lie about a flush, or that lose what they acknowledged.
"""
