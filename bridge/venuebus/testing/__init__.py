"""The kit for plugin authors: a context that records, a clock that waits, and a real nats-server per test run."""

from .fakes import FakeInstruction, ManualClock, RecordingContext

__all__ = ["FakeInstruction", "ManualClock", "RecordingContext"]
