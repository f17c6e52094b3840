"""`python -m qontract.entrypoints.dev.valkey_reaper PIPE PORT`: end the Valkey at PORT when who started it is gone.

PIPE: see `die_with_parent`. It waits until nobody is at work with the server, so that they end in good order. It has
inherited the lock of the data: nobody else opens that before the server has ended.
"""

import os
import sys
import time

_STOP_SECONDS = 20


def main() -> None:
    """Wait, and end it."""
    pipe, port = map(int, sys.argv[1:])
    while os.read(pipe, 1):
        pass
    import redis.backoff  # noqa: PLC0415 - hardly ever, and starting is to be quick
    import redis.retry  # noqa: PLC0415

    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    server = redis.Redis(host="127.0.0.1", port=port, socket_timeout=5, retry=once)
    until = time.monotonic() + _STOP_SECONDS
    try:
        while len(server.client_list()) > 1 and time.monotonic() < until:
            time.sleep(0.1)
        server.shutdown()
    except redis.RedisError:
        return  # it has ended


if __name__ == "__main__":
    main()
