"""Venues that call us: verified before parsed, stored before acknowledged, each delivery once."""
