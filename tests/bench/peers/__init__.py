"""The same work done by others: programs that people would use instead, each in an environment of its own.

``make bench-peers`` installs them from PyPI below ``.venv/peers``: what one requires contradicts what the others do.
What is not there is left out of a run, which says so.
"""
