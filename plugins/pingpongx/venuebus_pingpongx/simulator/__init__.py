"""A PingPongX of our own: positions that live, deliveries that are signed, and everything that goes wrong with them."""

from .desk import Desk
from .sender import Sender
from .server import ACCESS_TOKEN, SECRET, PingPongXSimulator

__all__ = ["ACCESS_TOKEN", "SECRET", "Desk", "PingPongXSimulator", "Sender"]
