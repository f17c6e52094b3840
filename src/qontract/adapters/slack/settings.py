"""Settings of whatever calls Slack."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from qontract.adapters.safe_urls import safe_url

ApiUrl = Annotated[str, StringConstraints(pattern=r"^https?://\S+/$"), AfterValidator(safe_url)]
"""Where the Web API is: `https://slack.com/api/`. Without TLS only on this machine."""
