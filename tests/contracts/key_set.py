"""What every KeySet promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

import pytest

from qontract.application.ports.key_set import KeySet, KeySetError


@dataclass
class Issuer:
    """A key set, and its other side: `has` says which keys it has, by id (EdDSA); `breaks` that it can't be read."""

    key_set: KeySet
    has: Callable[..., object]
    breaks: Callable[[], object]

    def ids(self) -> Sequence[str | None]:
        return [key.key_id for key in self.key_set.read()]


class KeySetContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def issuer(self) -> Issuer:
        """One that has no key yet."""

    def test_it_has_the_keys_of_its_issuer_each_for_one_algorithm(self, issuer: Issuer) -> None:
        issuer.has("a", "b")
        assert [(key.key_id, key.algorithm) for key in issuer.key_set.read()] == [("a", "EdDSA"), ("b", "EdDSA")]

    def test_it_may_have_no_key(self, issuer: Issuer) -> None:
        issuer.has()
        assert issuer.ids() == []

    def test_it_has_the_keys_of_the_moment(self, issuer: Issuer) -> None:
        issuer.has("a")
        assert issuer.ids() == ["a"]
        issuer.has("b")
        assert issuer.ids() == ["b"]

    def test_what_cannot_be_read_says_why_in_one_line_and_can_be_read_again_later(self, issuer: Issuer) -> None:
        issuer.breaks()
        with pytest.raises(KeySetError) as refused:
            issuer.key_set.read()
        assert str(refused.value)
        assert "\n" not in str(refused.value)
        issuer.has("a")
        assert issuer.ids() == ["a"]

    def test_it_may_be_read_on_any_thread(self, issuer: Issuer) -> None:
        issuer.has("a")
        found: list[Sequence[str | None]] = []
        thread = Thread(target=lambda: found.append(issuer.ids()))
        thread.start()
        thread.join(10)
        assert found == [["a"]]
