"""Installers beside the channels: Anaconda's ``archive`` and ``miniconda``, and ``miniforge``.

Read a listing (``listing``, ``files_json``, ``table``, ``checksums``; ``upstream`` fetches them),
choose from it (``choice``), compare with what is there (``plan``), download and publish
(``work``, ``publication``), and hash again (``scrub``). Everything but the last three is pure
or only reads.
"""
