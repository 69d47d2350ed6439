"""Faults on purpose: a real NATS behind a proxy, a simulated venue with a script, bridges that get killed."""
