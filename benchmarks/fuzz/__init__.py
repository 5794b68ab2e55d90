"""Fuzzes the parsers: whatever an upstream sends, it is read, left out or rejected.

``python -m benchmarks.fuzz``; see ``__main__``.
"""
