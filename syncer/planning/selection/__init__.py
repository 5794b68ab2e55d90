"""Which artifacts the mirror wants, and why: policies applied to records. Pure."""
