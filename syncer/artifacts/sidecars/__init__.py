"""What lies beside an artifact: attestations and signatures (CEP 50, and what was before it).

A sidecar is a child of its artifact: fetched with it or when its record first promises it, durable
before the record that promises it is committed, served while the artifact is on the volume in
whatever home, deleted after it.

Guaranteed: what has a hash in its name has those bytes; what a record promises and nobody delivers
is noted, named by every run, and asked for by each; the artifact and its record stay. Upstream is
asked for nothing that no record promises unless ``SIDECARS=probe`` says so.
Not guaranteed: that an attestation is true. Clients check that; here nothing has a key.

Public: ``sidecars.Sidecars`` and ``sweep.SidecarSweep`` for a run, ``fetching.SidecarFetch`` for a
worker, ``table`` and ``store`` for who verifies.
"""
