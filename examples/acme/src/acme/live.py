"""A plain FastStream function, which hears what happens while it runs: QAPI_SUBSCRIBER__MODULES='["acme.live"]'."""

import logging

from acme.welcome_sent import WelcomeSent
from qontract.entrypoints.subscriber import broker

log = logging.getLogger(__name__)


@broker.subscriber("main")
async def heard(event: WelcomeSent) -> None:
    """Log it."""
    log.info("welcome heard", extra={"address": event.data.address})
