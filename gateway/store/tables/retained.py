"""Topics that hold a retained message of this device at the MQTT broker."""

from __future__ import annotations

import json
from collections.abc import Mapping

import peewee

from gateway.store.objects.store import Store
from gateway.store.tables import own_table


class RetainedTopics:
    """The topics of one store. Methods raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._model = own_table(
            store,
            "mqtt_retained",
            topic=peewee.TextField(primary_key=True),
            components=peewee.TextField(),
        )

    def read(self) -> dict[str, dict[str, str]]:
        """Topic -> the components that its message describes, by id with their platform."""
        rows = self._store.read(
            self._model.select(self._model.topic, self._model.components).tuples()
        )
        return {str(topic): json.loads(components) for topic, components in rows}

    def keep(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        """Add or replace `topics`."""
        with self._store.transaction():
            for topic, components in topics.items():
                self._model.replace(topic=topic, components=json.dumps(components)).execute()

    def forget(self, topic: str) -> None:
        with self._store.transaction():
            self._model.delete().where(self._model.topic == topic).execute()
