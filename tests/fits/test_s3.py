from pathlib import Path
from typing import Any

import pytest

from tacit.errors import UnavailableError
from tacit.fits import open_blobs
from tacit.fits.s3 import S3Blobs
from tacit.settings import Settings


def test_the_settings_choose_the_bucket(tmp_path: Path, s3_endpoint: str, s3_bucket: str) -> None:
    given = {"s3_bucket": s3_bucket, "s3_prefix": "tacit", "s3_endpoint_url": s3_endpoint}
    open_blobs(Settings(data_dir=tmp_path, model_path=(), **given)).put("a/b", b"x")
    assert S3Blobs(s3_bucket, endpoint_url=s3_endpoint).list("tacit/") == ["tacit/a/b"]
    assert list(tmp_path.iterdir()) == []


def test_a_write_whose_answer_was_lost_is_recognised(s3_endpoint: str, s3_bucket: str) -> None:
    blobs = S3Blobs(s3_bucket, endpoint_url=s3_endpoint)
    put = blobs._client.put_object

    def twice(**arguments: Any) -> Any:
        put(**arguments)
        return put(**arguments)

    blobs._client.put_object = twice
    assert blobs.create("a", b"x"), "the storage refused the second try, and the first was ours"
    assert not blobs.create("a", b"x")


def test_more_than_a_page_of_names(s3_endpoint: str, s3_bucket: str) -> None:
    blobs = S3Blobs(s3_bucket, endpoint_url=s3_endpoint)
    for number in range(1001):
        blobs.put(f"a/{number:04d}", b"")
    assert len(blobs.names("a/")) == len(blobs.list("a/")) == 1001


@pytest.mark.parametrize("bucket", ["no-such-bucket", None])
def test_storage_that_refuses_is_unavailable(s3_endpoint: str, s3_bucket: str, bucket: str | None) -> None:
    endpoint = s3_endpoint if bucket else "http://127.0.0.1:1"
    blobs = S3Blobs(bucket or s3_bucket, endpoint_url=endpoint)
    with pytest.raises(UnavailableError, match="cannot write a"):
        blobs.put("a", b"x")
