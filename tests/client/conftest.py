from collections.abc import Iterator

import pytest

from tacit.client import Client, Fit
from tests.running import Up

COUNTS = [6, 3, 1, 8, 7, 0, 6, 4, 7, 5]
SHORT = {"inference": {"steps": 300}, "draws": 100}


@pytest.fixture(scope="session")
def client(service: Up) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture(scope="session")
def fit(client: Client) -> Fit:
    """A fit that has succeeded, of the cheapest model."""
    return client.fit("poisson-rate", {"x": COUNTS}, seed=11, tags=["shared"], **SHORT).wait()
