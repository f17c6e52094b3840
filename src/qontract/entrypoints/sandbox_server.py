"""What every sandbox has beside the system that it stands for: its calls, faults on request, and limits of the rate.

GET    /sandbox/ready
GET    /sandbox/calls    what was called; DELETE forgets it
POST   /sandbox/faults   {"method": "usergroups.create" or "*", "status": 429, "retry_after": 1, "delay": 0,
                          "times": 1, "after": false}; DELETE takes all back
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.serving import serve


class Fault(BaseModel):
    """What to answer in place of the system (`status`), how late (`delay`, in seconds), and how many times.

    `after`: only the answer is at fault, and the call is carried out. `retry_after` is in seconds; with None, a refusal
    is for another reason than the rate.
    """

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after: int | None = Field(default=1, ge=0)
    delay: float = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    after: bool = False


class Controls:
    """The calls to a sandbox, and the faults that were asked for."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.faults: list[Fault] = []

    async def called(self, method: str, **scope: str) -> Fault | None:
        """Remember a call, and return the fault that it meets, after its delay."""
        self.calls.append({"method": method} | scope)
        fault = next((fault for fault in self.faults if fault.method in {method, "*"} and fault.times), None)
        if fault:
            fault.times -= 1
            await anyio.sleep(fault.delay)
        return fault

    def routes(self, ready: dict[str, Any]) -> list[Route]:
        """Return the routes of all this; `ready` is what the sandbox says of itself."""

        async def say_ready(_: Request) -> Response:
            return JSONResponse(ready)

        return [
            Route("/sandbox/ready", say_ready),
            Route("/sandbox/calls", self._list_calls, methods=["GET", "DELETE"]),
            Route("/sandbox/faults", self._set_faults, methods=["POST", "DELETE"]),
        ]

    async def _list_calls(self, request: Request) -> Response:
        calls = list(self.calls)
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse(calls)

    async def _set_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return Response(status_code=204)
        try:
            self.faults.append(Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, 422)
        return Response(status_code=204)


@dataclass(frozen=True)
class Rate:
    """So many calls in so many seconds, counted from the first of them."""

    calls: int
    seconds: float


class RateLimits:
    """Counts calls by what shares a limit. Time goes `speed` times as fast as it does; with 0 there is no limit."""

    def __init__(self, speed: float = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def refused(self, what: str, rate: Rate) -> float | None:
        """Count a call; or return after how many seconds, as the clock goes, it may be made, if it may not now."""
        if not self._speed:
            return None
        now = self._clock()
        ends, calls = self._windows.get(what, (now, rate.calls))
        if now >= ends:
            ends, calls = now + rate.seconds / self._speed, 0
        if calls >= rate.calls:
            return ends - now
        self._windows[what] = ends, calls + 1
        return None


def whole_seconds(seconds: float) -> int:
    """Return the seconds as a header has them: whole, and not too few."""
    return max(1, math.ceil(seconds))


M = TypeVar("M", bound=BaseModel)


def load_state(file: Path, model: type[M]) -> M:
    """Read a start file. Raises OSError, or ValueError with a line that says what is wrong with it."""
    try:
        return model.model_validate_json(file.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{file}: {where}: {problem['msg']}") from None


def run_sandbox(
    integration: str, description: str, port: int, create_app: Callable[[Sequence[Path], RateLimits], Starlette]
) -> None:
    """Serve the application made of the start files until SIGTERM, as the arguments of this process say."""
    parser = argparse.ArgumentParser(prog=f"qontract sandbox {integration}", description=description)
    parser.add_argument("--state", type=Path, action="append", required=True, help="a start file; may be repeated")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument(
        "--limits",
        type=float,
        default=0,
        metavar="SPEED",
        help="keep the real limits of the rate, with time going SPEED times as fast; 0, the default: no limits",
    )
    arguments = parser.parse_args()
    configure_logs()
    try:
        app = create_app(arguments.state, RateLimits(arguments.limits))
    except (OSError, ValueError) as error:
        raise SystemExit(f"sandbox {integration}: {error}") from None
    serve(app, arguments.host, arguments.port)
