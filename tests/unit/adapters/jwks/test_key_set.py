"""Key sets in files, and where they may be."""

from pathlib import Path

import pytest

from qontract.adapters.jwks import FileKeySet, HttpKeySet, key_set_at
from qontract.adapters.jwks.key_set import DOCUMENT_BYTES
from qontract.application.ports.key_set import KeySetError
from tests.contracts.key_set import Issuer, KeySetContract
from tests.support.signing import document


class TestFileKeySet(KeySetContract):
    @pytest.fixture
    def issuer(self, tmp_path: Path) -> Issuer:
        file = tmp_path / "jwks.json"
        return Issuer(FileKeySet(file), lambda *ids: file.write_bytes(document(*ids)), file.unlink)

    @pytest.fixture(autouse=True)
    def _file_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "jwks.json").touch()


@pytest.mark.parametrize("content", [b"x" * (DOCUMENT_BYTES + 1), None], ids=["a long file", "a directory"])
def test_a_file_that_is_none_or_has_no_end_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(content) if content else file.mkdir()
    with pytest.raises(KeySetError, match="the file "):
        FileKeySet(file).read()


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.org/keys",
        "https://user:secret@idp.example.org/keys",
        "https:///keys",
        "https://idp.example.org/keys#a",
        "ftp://localhost/keys",
        "file:///etc/passwd",
        "http://127.0.0.1.example.org/keys",
    ],
)
def test_a_url_without_tls_or_with_a_user_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must b") as refused:
        key_set_at(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://idp.example.org/keys?appid=1", "http://localhost:8000/keys", "http://[::1]/keys"]
)
def test_a_url_with_tls_or_of_this_machine_is_taken(url: str) -> None:
    assert isinstance(key_set_at(url), HttpKeySet)
