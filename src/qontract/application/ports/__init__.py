"""One port a file: a protocol, the error that it raises, and in its docstring the contract that every adapter keeps."""
