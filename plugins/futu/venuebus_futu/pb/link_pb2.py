"""Messages of ``link.proto``. Written by ``tools/generate_pb.py``; do not edit."""

from ._load import load

globals().update(load("venuebus_futu/pb/link.proto"))
