"""What is written in Redis, and how it is read back into values."""
