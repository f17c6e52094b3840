"""Processes and commands, their settings, and the container that wires them."""
