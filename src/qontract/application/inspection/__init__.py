"""Use cases of who looks at the system: its status, its events, and why one was not delivered."""
