"""The fetcher: a promised artifact is downloaded when the first client asks for it.

A process of its own (``syncer fetcher``). nginx asks it after it has found nothing itself, so what
is here costs nothing more, and a fetcher that is down harms only what is promised. Guaranteed:

- It fetches only what a ledger row promises; it is no proxy.
- One transfer for each artifact, whoever asks and how many; a client that goes away stops nothing.
- Clients get bytes while they arrive. The last piece is held back until size and hash hold and the
  row still promises these bytes; if they do not, the connection is cut. So no client has a whole
  wrong file, but for one that puts together what two answers began.
- A promise is kept by one transaction, after the bytes are durable under their name; it changes
  nothing that is published, and takes no lock that a sync or an index run holds. From then on nginx
  serves the artifact.
- What a kill leaves is gone on from: a part by its hash, a name without its row by the next sync.

``answers`` and ``ranges`` are pure; ``promised`` says what a name stands for, ``transfers`` gets
the bytes on threads of its own, ``flight`` hands them from there to the ``server``'s loop.
"""
