"""venuebus: every trading venue on one message bus.

These are the names that a plugin may import; everything else is the bridge's own. The messages themselves are in
`venuebus_schemas`.
"""

from .errors import (
    BusError,
    CommandRejected,
    ConfigError,
    FatalError,
    NotSent,
    OutcomeUnknown,
    PluginError,
    RetryableError,
    VenuebusError,
)
from .hookspecs import hookimpl
from .limits import Limit, RateLimits
from .secret import Secret
from .venue import (
    CONTRACT_VERSION,
    Accepted,
    Capabilities,
    Delivery,
    Finding,
    Found,
    Instruction,
    Interceptor,
    LookupPolicy,
    Observer,
    OrderKey,
    Snapshot,
    SupportsLookup,
    SupportsOrders,
    SupportsPrepare,
    SupportsQueries,
    SupportsSnapshot,
    SupportsSubscriptions,
    SupportsWebhooks,
    VenueConfig,
    VenueContext,
    VenueSession,
    VenueSimulator,
    VenueSpec,
    Webhook,
)
from .webhooks.settings import WebhookConfig
from .webhooks.verification import ConfiguredWebhook

__version__ = "0.1.0"

__all__ = [
    "CONTRACT_VERSION", "Accepted", "BusError", "Capabilities", "CommandRejected", "ConfigError", "ConfiguredWebhook",
    "Delivery", "FatalError", "Finding", "Found", "Instruction", "Interceptor", "Limit", "LookupPolicy", "NotSent",
    "Observer", "OrderKey", "OutcomeUnknown", "PluginError", "RateLimits", "RetryableError", "Secret", "Snapshot",
    "SupportsLookup", "SupportsOrders", "SupportsPrepare", "SupportsQueries", "SupportsSnapshot",
    "SupportsSubscriptions", "SupportsWebhooks", "VenueConfig", "VenueContext", "VenueSession", "VenueSimulator",
    "VenueSpec", "VenuebusError", "Webhook", "WebhookConfig", "__version__", "hookimpl",
]  # fmt: skip
