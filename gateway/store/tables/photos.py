"""People's photos, one each, stored byte for byte.

They are in `store.db`, so that a backup contains them and the deletion of a person deletes the
photo too, but not in the table of people, whose rows every decision reads. Each write sets
`users.image_timestamp` in the same transaction: the photo's time stamp, or 0. So a client that
watches `change_logs` sees a change of the person with every change of the photo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import peewee

from gateway.errors import InvalidRequest, NotFound
from gateway.store.files.database import peewee_errors, storage_errors
from gateway.store.objects.store import Store

MOST_BYTES = 768 << 20
"""Bytes of all photos: the whole database must fit into a backup, see
`gateway.store.backup_file.LARGEST`."""
LARGEST_BYTES = 2 << 20
"""Of one photo."""
JPEG_BEGIN, PNG_BEGIN = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
NOT_AN_IMAGE = "Image file not recognized. Image should be either JPG or PNG."
"""The vendor's text, also for a file that is cut off or damaged."""
PAGE = 1_000
"""Photos in one read and people in one statement: below SQLite's limit of bound values."""


class _UserPhoto(peewee.Model):
    """The table that `m0003_photos` makes. Bound to no database: run with `execute(database)`."""

    user_id = peewee.BigIntegerField(primary_key=True)
    timestamp = peewee.BigIntegerField()
    size = peewee.BigIntegerField()
    image = peewee.BlobField()

    class Meta:
        table_name = "user_photos"


@dataclass(frozen=True, slots=True)
class Photo:
    """One person's photo."""

    timestamp: int
    """Unix seconds as the client counts them; never 0, which stands for no photo."""
    image: bytes
    """The file as the client sent it."""


@dataclass(frozen=True, slots=True)
class PhotoStamp:
    """Whose photo it is, and its time stamp."""

    user_id: int
    timestamp: int


def check_photo_file(image: bytes) -> None:
    """Return when `image` begins as a JPG or PNG and is no longer than one may be.

    Raises InvalidRequest. Whether it can be decoded is not looked at.
    """
    if len(image) > LARGEST_BYTES:
        raise InvalidRequest(f"Image file is longer than {LARGEST_BYTES} bytes.")
    if not image.startswith((JPEG_BEGIN, PNG_BEGIN)):
        raise InvalidRequest(NOT_AN_IMAGE)


class Photos:
    """The photos in one store; any thread may use it. Methods raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, user_id: int) -> Photo | None:
        """The photo of a person; None if there is none."""
        query = _UserPhoto.select(_UserPhoto.timestamp, _UserPhoto.image)
        query = query.where(_UserPhoto.user_id == user_id).tuples()
        for timestamp, image in self._store.read(query):
            return Photo(timestamp, bytes(image))
        return None

    def has_user(self, user_id: int) -> bool:
        """Whether a person with that id exists."""
        users = self._store.model("users")
        query = users.select(self._user_key).where(self._user_key == user_id).tuples()
        return bool(self._store.read(query))

    def stamps(self) -> Iterator[PhotoStamp]:
        """Everybody with a photo, by id; each page shows what is committed when it is read."""
        last = None
        while True:
            query = _UserPhoto.select(_UserPhoto.user_id, _UserPhoto.timestamp)
            if last is not None:
                query = query.where(_UserPhoto.user_id > last)
            page = self._store.read(query.order_by(_UserPhoto.user_id).limit(PAGE).tuples())
            yield from (PhotoStamp(*row) for row in page)
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def put(self, user_id: int, photo: Photo) -> None:
        """Store `photo` instead of the person's former one.

        Raises NotFound if the person does not exist, InvalidRequest if there is no room.
        """
        with self._store.transaction():
            self._check_room(user_id, len(photo.image))
            if not self._stamp_users([user_id], photo.timestamp):
                raise NotFound(f"there is no user {user_id}")
            size = len(photo.image)
            row = {
                "user_id": user_id,
                "timestamp": photo.timestamp,
                "size": size,
                "image": peewee.fn.zeroblob(size),
            }
            _UserPhoto.insert(row).on_conflict_replace().execute(self._store.database)
            self._write_image(user_id, photo.image)

    def remove(self, user_ids: Iterable[int]) -> int:
        """Delete the photos of these people; returns their number."""
        count = 0
        with self._store.transaction():
            for part in peewee.chunked(user_ids, PAGE):
                chosen = _UserPhoto.user_id.in_(part)
                query = _UserPhoto.select(_UserPhoto.user_id).where(chosen).tuples()
                found = [row[0] for row in query.execute(self._store.database)]
                _UserPhoto.delete().where(chosen).execute(self._store.database)
                self._stamp_users(found, 0)
                count += len(found)
        return count

    def remove_all(self) -> int:
        """Delete every photo; returns their number."""
        column = self._store.models.column("users", "image_timestamp")
        with self._store.transaction():
            count = int(_UserPhoto.delete().execute(self._store.database))
            self._store.model("users").update({column: 0}).where(column != 0).execute()
        return count

    @property
    def _user_key(self) -> Any:
        return self._store.models.key("users")

    def _check_room(self, user_id: int, size: int) -> None:
        query = _UserPhoto.select(peewee.fn.SUM(_UserPhoto.size))
        query = query.where(_UserPhoto.user_id != user_id)
        if (query.scalar(self._store.database) or 0) + size > MOST_BYTES:
            raise InvalidRequest(f"all photos together may have at most {MOST_BYTES} bytes")

    def _write_image(self, user_id: int, image: bytes) -> None:
        # A photo among a statement's values would stay in memory with the statement, once for
        # each thread that serves clients (measured: 20 MB).
        connection = self._store.database.connection()
        with peewee_errors(), connection.blobopen("user_photos", "image", user_id) as blob:
            blob.write(image)

    def _stamp_users(self, user_ids: list[int], timestamp: int) -> int:
        users = self._store.model("users")
        change = users.update({self._store.models.column("users", "image_timestamp"): timestamp})
        return int(change.where(self._user_key.in_(user_ids)).execute())


def count_people_with_faces(store: Store) -> int:
    """The number of people with a face template. Raises StorageError."""
    owner = store.models.column("face_templates", "user_id")
    query = store.model("face_templates").select(peewee.fn.COUNT(owner.distinct()))
    with storage_errors():
        return int(query.scalar(store.reader()))
