"""Fixtures of the kit, loaded by pytest through its entry point."""
