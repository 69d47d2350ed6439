"""Messages of ``common.proto``. Written by ``tools/generate_pb.py``; do not edit."""

from ._load import load

globals().update(load("venuebus_futu/pb/common.proto"))
