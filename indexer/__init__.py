"""The indexer: verified artifacts on the mirror volume -> a published generation.

``index`` tells the story of one channel; ``site`` is what people see at ``/``. The pure core is
``envelope``; the edges are ``engine`` (starts ``conda index``), ``seed`` (knows
conda-index's schema), ``generation`` (the served tree) and ``memory`` (what is remembered).
"""
