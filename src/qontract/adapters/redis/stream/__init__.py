"""How a stream is read, measured and trimmed."""
