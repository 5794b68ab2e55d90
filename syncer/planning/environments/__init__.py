"""SPEC_FILES: what environment files, lock files and @EXPLICIT lists ask for.

Guaranteed: a file is read, or every problem of it is named; what in a lock file is no conda
artifact costs nothing but a note; a file from elsewhere meets limits before a parser.

Public: ``spec_file.read`` (any kind), ``request`` (what they ask for), ``remote.RemoteFiles``.
"""
