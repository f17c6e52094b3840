"""Brings outside systems to their desired state, and tells everyone what it did as CloudEvents."""
