"""Orders: commands in, outcomes out, at most once."""
