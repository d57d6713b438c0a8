"""Channels: fan-out to live pages over Redis pub/sub, which keeps nothing for a consumer that is not there."""

from controlplane.settings.redis import REDIS_URL
from events.engine.redis_channels import channel

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": channel("live", REDIS_URL)},
    }
}
