"""Connections to upstream hosts, over libcurl, and who asks through them.

``client`` asks and knows no host's rules but those of ``network``; ``connection`` is one thread's
own, ``multiplex`` is shared by many streams of HTTP/2; ``proxies`` says which proxy is between.
"""
