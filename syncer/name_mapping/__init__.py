"""The mapping of conda's names to PyPI's, which pixi asks for where PyPI packages are wanted.

pixi asks a service of its makers: for one document that says of each name of conda-forge what it is
called there (``compressed-v0/compressed_mapping.json``), and for a small one of each artifact
(``hash-v0/<sha256>``). Both are mirrored as they are, the latter for what is mirrored here, so that
a machine without the internet has them; pixi obeys its ``[mirrors]`` for that service too.

Guaranteed: what is served is JSON of the form that pixi reads; a failure is named, leaves what is
here, and spoils no channel's sync; upstream is asked for each artifact once, and again only for
what it did not have, ever more seldom. Not guaranteed: that a document of an artifact follows what
upstream changes in it later. Callers hold the sync lock; nobody else writes here.
"""
