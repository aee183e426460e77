"""Blobs in a bucket of S3-compatible storage.

The storage has to be strongly consistent and to honour `If-None-Match: *` when an object is written, as S3 itself,
MinIO, Ceph and R2 do: what is written once rests on it. Credentials and region come from where boto3 looks for them
(`AWS_ACCESS_KEY_ID`, a role, ...). Errors of the storage or the network are raised as `UnavailableError`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tacit.errors import UnavailableError
from tacit.fits.blobs import check_key

_CONNECT_TIMEOUT_S = 3
_READ_TIMEOUT_S = 20
_TRIES = 4
_CONNECTIONS = 32
_WRITER = "tacit-writer"


class S3Blobs:
    """Blobs as objects whose keys begin with a prefix."""

    def __init__(self, bucket: str, *, prefix: str = "", endpoint_url: str | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_READ_TIMEOUT_S,
                max_pool_connections=_CONNECTIONS,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
            ),
        )

    def create(self, key: str, data: bytes) -> bool:
        writer = secrets.token_hex(16)
        with _wrapped("write", key):
            while True:
                try:
                    self._write(key, data, IfNoneMatch="*", Metadata={_WRITER: writer})
                    return True
                except ClientError as error:
                    if _status(error) == 412:
                        return self._was_written_by(key, writer)
                    # 409: another writer is at it, and may yet fail.
                    if _status(error) != 409:
                        raise

    def put(self, key: str, data: bytes) -> None:
        with _wrapped("write", key):
            self._write(key, data)

    def get(self, key: str) -> bytes | None:
        return self._read(key)

    def part(self, key: str, start: int, size: int) -> bytes | None:
        if size < 1:
            return b"" if self.exists(key) else None
        try:
            return self._read(key, Range=f"bytes={start}-{start + size - 1}")
        except _BeyondError:
            return b""

    def exists(self, key: str) -> bool:
        with _wrapped("read", key):
            return self._head(key) is not None

    def names(self, prefix: str) -> list[str]:
        whole = self._prefix + check_key(prefix.removesuffix("/")) + "/"
        found = []
        with _wrapped("list", prefix):
            for page in self._pages(Prefix=whole, Delimiter="/"):
                found += [each["Prefix"].removesuffix("/") for each in page.get("CommonPrefixes", ())]
                found += [each["Key"] for each in page.get("Contents", ())]
        return sorted(name.removeprefix(whole) for name in found)

    def list(self, prefix: str) -> list[str]:
        with _wrapped("list", prefix):
            return sorted(key.removeprefix(self._prefix) for key in self._keys(prefix))

    def delete(self, prefix: str) -> None:
        with _wrapped("delete", prefix):
            for key in tuple(self._keys(prefix)) if prefix.endswith("/") else (self._key(prefix),):
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def _key(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _keys(self, prefix: str) -> Iterator[str]:
        """Whole keys of the objects in a folder and below."""
        whole = self._key(prefix.removesuffix("/")) + "/"
        return (each["Key"] for page in self._pages(Prefix=whole) for each in page.get("Contents", ()))

    def _pages(self, **arguments: str) -> Iterator[dict[str, Any]]:
        paginator = self._client.get_paginator("list_objects_v2")
        yield from paginator.paginate(Bucket=self._bucket, **arguments)

    def _write(self, key: str, data: bytes, **arguments: Any) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, **arguments)

    def _read(self, key: str, **arguments: str) -> bytes | None:
        with _wrapped("read", key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **arguments)
                content: bytes = answer["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None
                if _status(error) == 416:
                    raise _BeyondError from error
                raise
        return content

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            head: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
        except ClientError as error:
            if _status(error) == 404:
                return None
            raise
        return head

    def _was_written_by(self, key: str, writer: str) -> bool:
        """Whether the blob that is there is ours after all: an answer was lost, and the write was tried again."""
        head = self._head(key)
        return head is not None and head["Metadata"].get(_WRITER) == writer


class _BeyondError(Exception):
    """A range begins beyond the end."""


@contextmanager
def _wrapped(verb: str, key: str) -> Iterator[None]:
    """Raise errors of the storage as `UnavailableError`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError(f"The store cannot {verb} {key}: {error}.") from error


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
