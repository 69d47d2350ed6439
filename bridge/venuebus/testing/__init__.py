"""The kit for plugin authors: the conformance suite, and the parts that it and other tests are made of.

`VenueContract` is the suite: subclass it, name the plugin's spec, and run pytest. Each failure says what was seen,
which clause of the contract (docs/contract.md, section 8.1) demands otherwise, and in which line of the suite. What
the plugin does not declare is shown as *not applicable*; what it declares and its simulator cannot stage is
*untested*. ``pytest --venuebus-report package`` writes ``conformance.json`` into the plugin's package, from which
`venuebus plugins` computes its tier; where one is shipped, the suite fails when it is not what this run would write.

The suite stands a relay between session and simulator and moves the event loop's clock on, so refused, unanswered,
cut and silent connections, lost answers and messages in pieces need nothing of the simulator, and no test waits a
minute. Both sides must therefore be reached by addresses in the configuration (``127.0.0.1:PORT`` in a text, or a
number under ``port``), and measure time with ``loop.time()`` or ``context.now_ns()``. Commands are executed as the
bridge does: after `prepare`, with its keys, with the merged state of the order, for 15 s at most.

The rest is for tests of one's own:

- `RecordingContext`: a `VenueContext` that keeps what a session publishes. `FakeInstruction`: a command to execute.
- `MemoryBus`: what a session publishes as a reader of NATS sees it: subjects, stamps, encoded messages.
- `ManualClock`: a time of day that stands still until told. `LoopClock`: moves the running loop's clock on.
- `Network`: the relay, of any protocol: cuts, falls silent, loses answers, passes pieces.

pytest finds the kit's fixtures by itself: ``nats_server``, ``nats_url``, ``subject_prefix``. Simulators are built from
`venuebus.simulation`.
"""

from .bus import MemoryBus
from .contract import VenueContract
from .fakes import FakeInstruction, ManualClock, RecordingContext
from .loops import Clock as LoopClock
from .relay import Network

__all__ = [
    "FakeInstruction", "LoopClock", "ManualClock", "MemoryBus", "Network", "RecordingContext", "VenueContract",
]  # fmt: skip
