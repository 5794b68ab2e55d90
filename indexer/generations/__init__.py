"""The served tree: how a generation is started, published, kept, chosen and compared.

Guaranteed: publication is one rename, of a generation whose bytes and names are durable; after a
crash ``generation.converge`` finishes what had a document and sweeps what had none; the index goes
back only when a person says so (``chosen``), and stays there while ``rolled_back`` says so.

Its public names: those of ``generation``, ``chosen.rollback``, ``release`` and ``pin``,
``difference.compare``, and ``shards`` for the files themselves (CEP 16).
"""
