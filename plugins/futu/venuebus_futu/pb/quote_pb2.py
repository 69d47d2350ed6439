"""Messages of ``quote.proto``. Written by ``tools/generate_pb.py``; do not edit."""

from ._load import load

globals().update(load("venuebus_futu/pb/quote.proto"))
