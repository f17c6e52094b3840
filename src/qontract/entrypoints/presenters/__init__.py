"""Presenters: turn what use cases return into JSON and lines of text, for commands and routes alike."""
