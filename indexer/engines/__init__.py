"""Who writes an index, and what both of them need.

``conda_index`` starts ``conda index`` and makes of its output what is served; ``own`` writes the
same documents from the rows, without it, and is tested for equality with it. ``complete`` adds what
neither knows; ``envelope`` and ``sections`` are the form of the documents.

Guaranteed: a draft's files are only ever written anew, as those that are published may be links to
them; what an engine can't write, it says, and writes nothing in its place.

Its public names: ``conda_index.engine.Engine``, ``conda_index.opening.Opener``,
``own.writer.Writer``, ``complete.complete``.
"""
