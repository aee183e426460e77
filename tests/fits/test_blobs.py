import os
import resource
import threading
from pathlib import Path

import pytest

from tacit.errors import UnavailableError
from tacit.fits import Blobs, LocalBlobs


@pytest.fixture
def files(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store")


def test_put_replaces_and_get_returns(blobs: Blobs) -> None:
    blobs.put("a/b.json", b"one")
    blobs.put("a/b.json", b"two")
    assert blobs.get("a/b.json") == b"two"
    assert blobs.exists("a/b.json")


def test_what_is_not_there(blobs: Blobs) -> None:
    assert blobs.get("a/b.json") is None
    assert not blobs.exists("a/b.json")
    assert blobs.list("a/") == []
    blobs.delete("a/b.json")
    blobs.delete("a/")


def test_parts(blobs: Blobs) -> None:
    blobs.put("a", b"0123456789")
    assert blobs.part("a", 2, 3) == b"234"
    assert blobs.part("a", 8, 5) == b"89"
    assert blobs.part("a", 10, 1) == b""
    assert blobs.part("b", 0, 1) is None


def test_create_writes_once(blobs: Blobs) -> None:
    assert blobs.create("a/b.json", b"one")
    assert not blobs.create("a/b.json", b"two")
    assert blobs.get("a/b.json") == b"one"


def test_exactly_one_of_many_creators_wins(blobs: Blobs) -> None:
    won: list[int] = []
    barrier = threading.Barrier(16)

    def create(number: int) -> None:
        barrier.wait()
        if blobs.create("race", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert blobs.get("race") == str(won[0]).encode()


def test_list_is_sorted_deep_and_without_temporaries(files: LocalBlobs, tmp_path: Path) -> None:
    for key in ("f/b/2", "f/a", "f/b/1", "g/x"):
        files.put(key, b"")
    (tmp_path / "store" / "f" / ".torn.tmp").write_bytes(b"half")
    assert files.list("f/") == ["f/a", "f/b/1", "f/b/2"]


def test_names_are_those_right_below(files: LocalBlobs, tmp_path: Path) -> None:
    for key in ("f/b/2", "f/a", "f/b/1", "g/x"):
        files.put(key, b"")
    (tmp_path / "store" / "f" / ".torn.tmp").write_bytes(b"half")
    assert files.names("f/") == ["a", "b"]
    assert files.names("h/") == []


def test_delete_takes_a_blob_or_a_folder(blobs: Blobs) -> None:
    for key in ("f/a", "f/b/1", "fb"):
        blobs.put(key, b"")
    blobs.delete("f/a")
    assert blobs.list("f/") == ["f/b/1"]
    blobs.delete("f/")
    assert blobs.list("f/") == []
    assert blobs.exists("fb")


def test_nothing_temporary_stays(files: LocalBlobs, tmp_path: Path) -> None:
    files.create("a", b"1")
    files.create("a", b"2")
    files.put("a", b"3")
    assert os.listdir(tmp_path / "store") == ["a"]


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".a", "a/.b", "A", "a/", "a\n"])
def test_keys_cannot_leave_the_folder(blobs: Blobs, key: str) -> None:
    with pytest.raises(ValueError, match="not the name of a blob"):
        blobs.put(key, b"")


def test_what_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "store")
    (tmp_path / "store" / "a").write_bytes(b"a file where a folder should be")
    with pytest.raises(UnavailableError, match="cannot write a/b"):
        blobs.put("a/b", b"")


def test_a_store_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"no folder")
    with pytest.raises(UnavailableError, match="cannot open"):
        LocalBlobs(tmp_path / "store")


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "store")
    blobs.put("a", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UnavailableError, match="File too large"):
            blobs.put("a", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert blobs.get("a") == b"old"
    assert os.listdir(tmp_path / "store") == ["a"]
