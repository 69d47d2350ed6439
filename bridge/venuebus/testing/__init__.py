"""The kit for plugin authors: the conformance suite, and the parts that it and other tests are made of.

`VenueContract` is the suite: subclass it, name the plugin's spec. The rest is for tests of one's own:

- `RecordingContext`: a `VenueContext` that keeps what a session publishes. `FakeInstruction`: a command to execute.
- `ManualClock`: a clock that stands still until told.
- `Network`: a relay between session and simulator that cuts, falls silent and loses answers, of any protocol.

pytest finds the kit's fixtures by itself: ``nats_server``, ``nats_url``, ``subject_prefix``. Simulators are built from
`venuebus.simulation`.
"""

from .contract import VenueContract
from .fakes import FakeInstruction, ManualClock, RecordingContext
from .relay import Network

__all__ = ["FakeInstruction", "ManualClock", "Network", "RecordingContext", "VenueContract"]
