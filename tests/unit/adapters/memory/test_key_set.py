"""The set of keys in memory."""

import pytest

from qontract.adapters.memory import InMemoryKeySet
from qontract.application.ports.key_set import PublicKey
from tests.contracts.key_set import Issuer, KeySetContract


class TestInMemoryKeySet(KeySetContract):
    @pytest.fixture
    def issuer(self) -> Issuer:
        key_set = InMemoryKeySet()

        def has(*ids: str) -> None:
            key_set.keys = [PublicKey(key_id, "EdDSA", None) for key_id in ids]

        def breaks() -> None:
            key_set.keys = None

        return Issuer(key_set, has, breaks)
