"""A webctp gateway with a small counter behind it, over real sockets."""

from .counter import Counter
from .gateway import CtpSimulator

__all__ = ["Counter", "CtpSimulator"]
