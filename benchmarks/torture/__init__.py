"""Torture: the whole appliance under change, faults and SIGKILL, watched by clients that verify.

    .venv/bin/python -m benchmarks.torture --reads 100000 --kills 200

A simulated upstream of two channels and a folder of installers never stands still, and a person
fills a third channel by hand. `python -m syncer` and `python -m indexer` run in loops, with either
writer and with policies (deny, cooldown) that change, and are killed at random moments and at
random fault points; the real nginx serves the tree. Clients follow every index variant, shards,
snapshots, artifacts and installers, and py-rattler solves with cold caches.

Guaranteed of a run that prints no inconsistency, as far as its clients looked: every artifact of
a published or kept index resolved to its bytes (I1); variants agreed (I2); no answer was partial
(I3); every record was one that upstream had published, and none that is denied throughout was
listed (I4); afterwards one sync and one index
brought exactly what upstream lists, and nothing was left over (I5); the published generation went
back only by our own rollbacks (I6).
Not guaranteed: anything about power loss (SIGKILL keeps what the kernel has), or the same run for
the same seed: the plan of upstream's changes is the same, the moments are not.

What is no inconsistency: a client that read an index just before a publication may find newer
things a moment later; what is decided is whether a swap happened meanwhile, by the link's inode.
"""
