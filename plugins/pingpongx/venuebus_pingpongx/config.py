"""The configuration of one PingPongX venue."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from venuebus import Secret, WebhookConfig


class PingPongXConfig(WebhookConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[venues.<name>]`` with ``plugin = "pingpongx"``.

    Deliveries need `WebhookConfig.verify`. With ``base_url`` and ``access_token`` positions are also asked for every
    ``poll_interval`` seconds, since the venue announces that deliveries get lost; a token from a file is read again
    every time, so whatever renews it (it lives 7200 s) need not tell us.
    """

    base_url: str | None = None
    access_token: Secret | None = None
    poll_interval: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    page_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    max_pages: Annotated[int, msgspec.Meta(ge=1)] = 50

    def validate(self) -> None:
        """Check what one key alone cannot tell."""
        mistakes: list[str] = []
        try:
            super().validate()
        except ValueError as error:
            mistakes += [str(arg) for arg in error.args]
        if (self.base_url is None) != (self.access_token is None):
            mistakes.append("base_url: goes together with access_token (both for polling, none for no polling)")
        if self.base_url is not None:
            parts = urlsplit(self.base_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                mistakes.append("base_url: expected an address such as https://gateway.example.com")
        if mistakes:
            raise ValueError(*mistakes)
