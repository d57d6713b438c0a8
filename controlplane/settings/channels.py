"""Channels: fan-out to live pages over Redis pub/sub, which keeps nothing for a consumer that is not there."""

from controlplane.settings.redis import REDIS_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "live"},
    }
}
