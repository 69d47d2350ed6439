"""Speed and memory beside a plain relay: ``make bench``.

Real processes over loopback, as in production: nats-server, simulated venues, a relay or the bridge, a subscriber.
Whatever is compared runs in turns in the same run, so that a slow moment of the machine hits both.
"""
