"""API keys: made, found again by the token that a client sends, and revoked.

    keys/{id}.json            what the key may do; holds the hash of its secret, never the secret
    keys/{id}.revoked.json    the key is no longer good

A token is `tacit_`, twenty digits that name the key, `_`, and a secret of 260 random bits. So much chance needs no slow
hash: SHA-256 is what keeps a copy of the store from being a bunch of keys.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from tacit.errors import FieldError, InvalidInputError, NotFoundError
from tacit.fits.blobs import Blobs
from tacit.fits.records import AnyRecord, Record, now

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_NAME_DIGITS = 20
_SECRET_DIGITS = 52
_TOKEN = re.compile(rf"tacit_([{_ALPHABET}]{{{_NAME_DIGITS}}})_([{_ALPHABET}]{{{_SECRET_DIGITS}}})")
_ID = re.compile(rf"key_[{_ALPHABET}]{{{_NAME_DIGITS}}}")
_KEYS = "keys/"


class Scope(StrEnum):
    """What a key may do: look, ask for fits, or everything with everybody's fits."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


class ApiKey(Record):
    """A key. `owner` is whose fits it makes and sees: its own id, or that of the key it stands in for."""

    id: str
    name: str
    owner: str
    scopes: tuple[Scope, ...]
    secret_sha256: str
    created_at: datetime

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Revocation(Record):
    """A key is no longer good."""

    revoked_at: datetime


class ListedKey(NamedTuple):
    """A key, and since when it is no longer good."""

    key: ApiKey
    revoked_at: datetime | None


class ApiKeys:
    """The keys in a store."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def create(self, name: str, scopes: Iterable[Scope], *, owner: str | None = None) -> tuple[ApiKey, str]:
        """Make a key; it and its token, which cannot be had again.

        Args:
            name: For people.
            scopes: What the key may do.
            owner: A key, good or revoked, whose fits the new one takes over.

        Raises:
            NotFoundError: There is no such owner.
            InvalidInputError: The key could do nothing.
        """
        allowed = tuple(sorted(set(scopes)))
        if not allowed:
            raise InvalidInputError([FieldError("/scopes", "Give at least one scope.")])
        digits, secret = _digits(_NAME_DIGITS), _digits(_SECRET_DIGITS)
        key = ApiKey(
            id=f"key_{digits}",
            name=name,
            owner=self._get(owner).owner if owner is not None else f"key_{digits}",
            scopes=allowed,
            secret_sha256=_hash(secret),
            created_at=now(),
        )
        self._blobs.create(_record_key(key.id), key.to_bytes())
        return key, f"tacit_{digits}_{secret}"

    def find(self, token: str) -> ApiKey | None:
        """The key of a token; None when there is none, or it was revoked."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        key_id = f"key_{parts[1]}"
        key = self._read(_record_key(key_id), ApiKey)
        if key is None or not is_secret_of(key, token) or self._blobs.exists(_revoked_key(key_id)):
            return None
        return key

    def any(self) -> bool:
        """Whether a key was ever made: from then on nobody gets in without one."""
        return bool(self._blobs.names(_KEYS))

    def all(self) -> list[ListedKey]:
        """Every key, those made first first."""
        names = (name.removesuffix(".json") for name in self._blobs.names(_KEYS))
        listed = [self._listed(name) for name in names if _ID.fullmatch(name)]
        return sorted(listed, key=lambda each: each.key.created_at)

    def revoke(self, key_id: str) -> bool:
        """Make a key useless; False when it was so already.

        Raises:
            NotFoundError: There is no such key.
        """
        self._get(key_id)
        return self._blobs.create(_revoked_key(key_id), Revocation(revoked_at=now()).to_bytes())

    def _read(self, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
        data = self._blobs.get(key)
        return None if data is None else kind.from_bytes(data, key=key)

    def _get(self, key_id: str) -> ApiKey:
        key = self._read(_record_key(key_id), ApiKey) if _ID.fullmatch(key_id) else None
        if key is None:
            raise NotFoundError(f"There is no key {key_id[:64]!r}.")
        return key

    def _listed(self, key_id: str) -> ListedKey:
        revocation = self._read(_revoked_key(key_id), Revocation)
        return ListedKey(self._get(key_id), revocation.revoked_at if revocation else None)


def is_secret_of(key: ApiKey, token: str) -> bool:
    """Whether the secret in a token is that of the key; takes equally long for every wrong one."""
    return hmac.compare_digest(_hash(token.rpartition("_")[2]), key.secret_sha256)


def _digits(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record_key(key_id: str) -> str:
    return f"{_KEYS}{key_id}.json"


def _revoked_key(key_id: str) -> str:
    return f"{_KEYS}{key_id}.revoked.json"
