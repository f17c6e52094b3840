"""JSON Web Key Sets (RFC 7517): the public keys of who issues tokens."""

from qontract.adapters.jwks.key_set import FileKeySet, HttpKeySet, key_set_at

__all__ = ["FileKeySet", "HttpKeySet", "key_set_at"]
