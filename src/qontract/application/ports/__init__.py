"""One port in each file: a protocol, whose docstring is the contract of its adapters, and its error class."""
