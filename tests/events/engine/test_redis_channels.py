"""Installations that share a Redis server."""

from __future__ import annotations

import redis as redis_sync

from events.engine.redis_channels import channel


def test_each_database_has_channels_of_its_own():
    first, second = channel("config.changed", "redis://host/1"), channel("config.changed", "unix:///run/redis?db=2")

    assert (first, second) == ("db1:config.changed", "db2:config.changed")


def test_an_address_without_a_number_is_the_first_database():
    assert channel("live", "rediss://host:6380") == channel("live", "redis://other/0")


def test_a_neighbour_on_the_same_server_hears_nothing(redis_url: str, redis_client: redis_sync.Redis):
    own, neighbours = channel("test.neighbour", redis_url), channel("test.neighbour", "redis://host/999")
    with redis_client.pubsub() as heard:
        heard.subscribe(neighbours)
        assert heard.get_message(timeout=5)["type"] == "subscribe"

        redis_client.publish(own, "for me")
        redis_client.publish(neighbours, "for them")

        assert heard.get_message(timeout=5)["data"] == b"for them"
