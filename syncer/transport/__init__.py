"""How bytes come from upstream: connections, retries, limits, and the rules for hosts.

Guaranteed: nothing outside this room opens a socket for upstream's bytes. What ``fetch.Fetch``
delivers is of the promised size and hash; ``network.Network`` alone knows what a host may be shown;
every transfer ends in time, and a library's error comes out as an ``UpstreamError``.

Where a request may go is decided in one place, ``egress``, which is asked at every hop.

Public names: ``fetch`` (Fetch, Expected, Delivered), ``sink`` (Sink, Memory), ``workers.Workers``,
``document`` (Document, Validators), ``network.Network``, ``retry.Limits``,
``throttle.throttle``, ``file_url`` (is_folder, path_of); for the doctor's own requests ``answers``.
"""
