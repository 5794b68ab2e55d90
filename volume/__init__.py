"""The protocol between the syncer and the indexer: what is on the volumes, and in which order.

This package is all that the two programs share. It uses the standard library only, so that it
runs in either image. Data moves one way: upstream -> syncer -> volume -> indexer -> volume ->
nginx. nginx sees the mirror volume, read-only; nobody outside sees the state volume.

On the mirror volume (big; may be a bind mount or NFS)::

    owner.json                      the id of the appliance that owns this volume: made in one step
                                    that one of many can win, changed by a person's word only
    channels/<channel>/<subdir>/    artifacts: complete, verified, each with its row in the ledger
    local/<channel>/<subdir>/       what people add themselves; nothing serves it directly
    replaced/<channel>/<subdir>/<sha256>/<filename>
                                    new content of a filename whose older content still stands
                                    above; generations link to it, nothing serves it directly
    sidecars/<channel>/<subdir>/    what lies beside artifacts upstream, each with its row in the
                                    ledger: <filename>.sigs.<sha256>, which never changes, and
                                    <filename>.sigs, the newest of these
    staging/<channel>/<subdir>/     downloads in flight: <filename>.<digest of its record>.part
    retired/<channel>/<subdir>/     out of the index, downloadable until the grace period ends
    quarantine/<channel>/<subdir>/  damaged bytes, and files that no row knew; to be looked at
    index/<channel>/gen-000042/     one complete output of the indexer, and .generation.json
    index/<channel>/.listed.db.gz   since when upstream lists what it lists; only with a cooldown
    index/<channel>/.hold.json      a rollback that is in force
    index/<channel>/.first-published.json   since when people's own packages are published
    index/<channel>/current         symbolic link, swapped by rename: this is publication
    index/<channel>/snapshots/<time>  symbolic links to the kept generations
    index/<channel>/.times          symbolic link, swapped by rename, to a folder of links in which
                                    nginx looks up which generation a time means (``snapshots``)
    staging/installers/<kind>/      installers in flight; kind is archive, miniconda or miniforge
    installers/<kind>/gen-000007/   all installers of a kind, .files.json, SHA256SUMS and a page
    installers/<kind>/current       symbolic link, swapped by rename
    staging/pypi/                   wheels in flight
    pypi/gen-000007/                all wheels that lock files name, under packages/; their simple
                                    index, under simple/; and .wheels.json, the list of them
    pypi/current                    symbolic link, swapped by rename
    mapping/                        conda's names on PyPI, for pixi: compressed-v0/ and hash-v0/
    site/                           landing page, its search data and documents for machines

On the state volume (small; a local filesystem)::

    instance.json                   the same id; until the mirror is won, one that is not claimed
    locks/                          lock files, never unlinked; of staging-<slug>.lock one byte for
                                    each artifact that somebody stages (``artifacts/store/claims``)
    channels/<slug>/ledger.db       written by the syncer and its fetcher: what is committed
    channels/<slug>/upstream/       written by the syncer only: upstream's index as last fetched
    channels/<slug>/engine/         the indexer's own: caches of conda-index and of its own writer
    channels/<slug>/index-memory.db the indexer's own: what it knows of local files; a cache
    name-mapping.db                 written by the syncer only: when to ask for what again; a cache
    usage.db                        written by the syncer only: what clients asked for
    usage.json                      the same, as the indexer's site shows it (``volume.usage``)
    spec-files/                     written by the syncer only: SPEC_FILES from elsewhere; a cache
    installers/<kind>.json          written by the syncer only: the listing as last seen, a cache
    index-heartbeat                 touched by the indexer while it runs
    sync-run.json, index-run.json   the last run of each program, written by it alone; the first
                                    is touched while the run gets on (``volume.run_document``)
    sync-left-out.txt               what the last sync left out, all of it, one artifact a line
    sync-metrics.json               written by whoever holds sync.lock, for /metrics
    schedule-metrics.json           written by the process that runs the schedule, for /metrics
    notices.json                    written under notices.lock: what people were told

Invariants, at every instant, also after SIGKILL, power loss or a full disk:

I1  every record in a published index resolves over HTTP to bytes of that size and sha256; one that
    is only promised (``volume.ledger.promises``) to those or to an error, never to other bytes;
I2  all variants of a channel's index (json, zst, bz2, current_repodata, shards, run_exports)
    come from one generation;
I3  nothing partial is ever visible under a served path;
I4  every published record of a mirrored artifact equals upstream's record, hotfixes included, but
    for ``url``, which says where the bytes are here, and what INDEXED_TIMESTAMP asks to add;
I5  after any crash the next run converges without help;
I6  the index never goes backwards in time except by an explicit rollback.

Order: stage -> commit -> index -> publish -> retire -> expire. Artifacts before the index,
deletions last. In detail:

Stage (syncer, no channel lock). Bytes are verified while they stream into ``staging/``; an
    interrupted download is resumed from there. Nothing in it is served.
Commit (syncer, channel lock). One barrier makes the staged bytes durable. The rows are written
    to the ledger's ``incoming`` table; the files are renamed into ``channels/`` (or, if that
    name is taken by other bytes, into ``replaced/``); folders are fsynced; one transaction moves
    the rows to ``artifact`` and raises the serial. A crash in between is rolled forward by
    whoever commits next, so a file in ``channels/`` is never without its record: one that
    has none is nobody's, and the next sync takes it over by its hash or out of the way.
Fetch on demand (fetcher, no channel lock; its claim on the name keeps a sync from staging it). The
    bytes of a promised row are verified in staging and made durable, get their name in
    ``channels/``, and one transaction that finds the row still promised says so; the serial stays.
    Stopped before that, the name has the promised bytes already, and the next sync notes it.
Evict (syncer, channel lock, and the claim on each name). One transaction says that rows are
    promised again, then their names in ``channels/`` go; the serial stays. Stopped between, the
    name has the promised bytes, and the next sync notes it. Who reads the file at that moment reads
    it to its end.
Index and publish (indexer, channel lock). Work exists when the ledger's serial differs from that
    of the current generation's document. The next generation starts as a hard-linked copy of the
    current one, is filled, verified, fsynced; its document is written into it; then the link is
    swapped. A generation without a document is unfinished and is swept by the next run. As the
    documents are on the mirror volume, a lost state volume loses no snapshot, pin or rollback.
    A ledger that is made anew, or is an older copy, goes on from the highest serial that a kept
    generation was made of, under another identity; until then nothing is published from it.
Local files (indexer, channel lock). What lies in ``local/`` is copied into the draft, and the copy
    is what is opened, hashed, fsynced, linked from generation to generation, and served; the
    ledger's artifact wins where both have a filename. What people had in ``channels/`` with 0.1.0
    moves to ``local/``: copied, made durable, then unlinked.
Retire (syncer, channel lock, after a run whose transfers all worked; what upstream lists and does
    not deliver does not keep alive what it removed). The ledger moves the row from ``artifact``
    to ``retired`` and raises the serial; once the indexer has published without the record the
    file is linked into ``retired/`` and unlinked from ``channels/``; nginx looks in both. A row
    says that bytes left a folder only after that folder was synced.
    Damaged bytes that ``syncer verify`` finds leave every served folder at once, the generations'
    own links to them included, and go to ``quarantine/``.
Expire (syncer, channel lock). A retired file is deleted when its grace period is over and every
    kept generation was built from a serial that no longer lists it.

Installers and wheels (syncer, ``sync.lock``) have no index of conda's and no ledger: each kind of
    installers, and the wheels together, are a collection, which is published whole. The next
    generation is made of hard links, gets its listings, is fsynced; then the link is swapped, and
    the old generation is removed. Nobody else writes there.

Locks are flock(2) on permanent files: ``sync.lock`` for a whole sync run, then
``channel-<slug>.lock``; always in this order; the indexer never takes the first. Readers never
lock. A lock protects work, not correctness: publication is one rename.

Every mutation of the volumes that other programs can see goes through ``volume.disk.files``,
``volume.disk.folder`` (for many names) or a ledger transaction, and each of these is a numbered
fault point (``volume.disk.faults``), so that a test can stop the programs before and after every
single one.
"""
