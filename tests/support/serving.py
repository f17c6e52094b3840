"""An ASGI application that is served by a thread of the tests."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn

A = TypeVar("A")


@contextmanager
def serving(make: Callable[[str], A]) -> Iterator[A]:
    """Serve the application that is made for an address, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app: Any = make(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            app, lifespan="off", ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield app
        finally:
            server.should_exit = True
            thread.join()
