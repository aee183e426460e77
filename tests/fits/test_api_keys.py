from pathlib import Path

import pytest

from tacit.errors import InvalidInputError, NotFoundError
from tacit.fits import ApiKeys, LocalBlobs, Scope


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return ApiKeys(LocalBlobs(tmp_path))


def test_a_token_finds_its_key_from_another_process_too(keys: ApiKeys, tmp_path: Path) -> None:
    assert not keys.any()
    key, token = keys.create("ours", [Scope.SUBMIT, Scope.READ, Scope.READ])
    assert (key.owner, key.scopes) == (key.id, (Scope.READ, Scope.SUBMIT))
    assert ApiKeys(LocalBlobs(tmp_path)).find(token) == key
    assert keys.any()


def test_the_secret_is_not_stored(keys: ApiKeys, tmp_path: Path) -> None:
    _, token = keys.create("ours", [Scope.READ])
    secret = token.rpartition("_")[2].encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(secret in path.read_bytes() for path in files)


@pytest.mark.parametrize("change", [lambda t: t[:-1] + ("0" if t[-1] != "0" else "1"), str.upper, lambda t: t + "0"])
def test_other_tokens_find_nothing(keys: ApiKeys, change: "type[str]") -> None:
    _, token = keys.create("ours", [Scope.READ])
    assert keys.find(change(token)) is None


@pytest.mark.parametrize("token", ["", "tacit__", "tacit_../../x_y", "tacit_" + "0" * 20 + "_" + "0" * 52])
def test_tokens_that_were_never_made(keys: ApiKeys, token: str) -> None:
    assert keys.find(token) is None


def test_a_revoked_key_is_of_no_use_and_opens_nothing(keys: ApiKeys) -> None:
    key, token = keys.create("ours", [Scope.READ])
    assert keys.revoke(key.id)
    assert not keys.revoke(key.id)
    assert keys.find(token) is None
    assert keys.any()
    ((listed, revoked_at),) = keys.all()
    assert listed == key
    assert revoked_at is not None


def test_a_key_can_stand_in_for_another(keys: ApiKeys) -> None:
    old, _ = keys.create("old", [Scope.READ])
    keys.revoke(old.id)
    new, _ = keys.create("new", [Scope.READ], owner=old.id)
    newest, _ = keys.create("newest", [Scope.READ], owner=new.id)
    assert new.owner == newest.owner == old.id
    assert [listed.key.name for listed in keys.all()] == ["old", "new", "newest"]


def test_admin_may_all(keys: ApiKeys) -> None:
    key, _ = keys.create("root", [Scope.ADMIN])
    assert all(key.allows(scope) for scope in Scope)


@pytest.mark.parametrize("key_id", ["key_x", "../x", "key_" + "0" * 20])
def test_keys_that_are_not_there(keys: ApiKeys, key_id: str) -> None:
    with pytest.raises(NotFoundError):
        keys.revoke(key_id)
    with pytest.raises(NotFoundError):
        keys.create("x", [Scope.READ], owner=key_id)


def test_a_key_for_nothing_is_refused(keys: ApiKeys) -> None:
    with pytest.raises(InvalidInputError):
        keys.create("x", [])
