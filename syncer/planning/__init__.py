"""What is wanted of each channel, and what that means for what is here.

Guaranteed: deciding changes nothing, the same offer and settings decide the same, and whatever a
guard refuses is refused before anything is done. What upstream wrote is parsed only within
``volume.limits``.

Public: ``offer.Offers`` (what channels offer, asked once in a run), ``selections.Selections``
(what is selected of them), ``survey.Surveyor`` and ``Survey`` (against what is committed), ``plan``
(in numbers), ``guard`` (refusals), ``canary.Canaries``, ``locked_artifacts`` (what lock files
name), ``on_demand``, ``selection.explain``. ``needs``, ``cooldown`` and ``unused`` serve
``selections``; ``listed`` reads from the ledgers what this mirror lists.
"""
