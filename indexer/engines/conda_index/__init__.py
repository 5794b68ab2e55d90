"""``conda index``: how it is started, what its cache is given, and what is made of its output."""
