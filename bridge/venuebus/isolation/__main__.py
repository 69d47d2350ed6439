"""What an isolated venue's process runs; started by a bridge, with the number of its end of the socket pair."""

from .child import main

main()
