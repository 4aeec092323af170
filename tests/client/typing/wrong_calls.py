"""Calls the type checker must refuse: one error on every line marked so, none on any other."""

from __future__ import annotations

from argus_client import ArgusClient, AsyncArgusClient, PublisherConfig, Samples
from argus_client.testing import make_samples


def sync_calls(client: ArgusClient, samples: Samples) -> None:
    publisher = client.publisher()
    publisher.publish(samples)
    publisher.publish([samples])  # error: arg-type
    publisher.publish(samples, 5.0)  # error: call-arg
    client.get_status(timeout="10")  # error: arg-type
    client.get_status(timeout=None)
    client.get_forecast("web-1", metrics=3)  # error: arg-type
    client.get_snapshot().server("web-1").risk_score + "x"  # error: operator
    client.get_snapshot().revision = 1  # error: misc
    for snapshot in client.subscribe(view="standard"):
        snapshot.servers["a"] = None  # error: index
    PublisherConfig(when_full="explode")  # error: arg-type
    make_samples(servers=7)  # error: arg-type


async def async_calls(client: AsyncArgusClient, samples: Samples) -> None:
    publisher = client.publisher()
    await publisher.publish(samples)
    publisher.publish(samples)  # error: unused-coroutine
    print((await client.get_status()).serving)
    print(client.get_status().serving)  # error: attr-defined
    for snapshot in client.subscribe():  # error: attr-defined
        print(snapshot)
