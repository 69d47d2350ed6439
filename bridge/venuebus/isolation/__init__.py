"""A venue in a process of its own: whatever its plugin does to that process, the other venues trade on.

The parent (`venue`) starts, watches and ends the process; the child (`child`) runs the venue as the bridge would in its
own loop, with connections to NATS of its own. Between them is one socket pair (`wire`): it carries the configuration
in, signs of life out, and its end tells either that the other is gone.
"""
