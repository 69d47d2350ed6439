"""Whole bridges against a real nats-server."""
