"""What upstream lists of installers, in whatever form it says so. Pure.

Three forms (``files_json``, ``table``, ``checksums``) become one ``listing.Listing``: what is
listed, and what is refused, with the reason. Guaranteed: a name that is no installer's is not
listed, and nothing without a hash. Public: ``Listing``, ``Listed``, ``Refused`` and each form's
``parse``.
"""
