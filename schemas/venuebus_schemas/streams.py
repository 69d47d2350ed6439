"""The names of the streams, which readers need as much as the bridge."""

from __future__ import annotations


class StreamNames:
    """Names of the streams below one prefix: ``VB_CMD`` and so on for ``vb``."""

    def __init__(self, prefix: str = "vb") -> None:
        root = prefix.upper().replace(".", "_")
        self.commands = f"{root}_CMD"
        self.account = f"{root}_ACCT"
        self.system = f"{root}_SYS"
        self.dead = f"{root}_DEAD"
        self.market = f"{root}_MD"
        self.hooks = f"{root}_HOOK"
        self.bucket = f"{root}_STATE"
        self.state = f"KV_{self.bucket}"
