"""The configuration: its keys, how a file is read with every mistake told, and what changed in it since."""
