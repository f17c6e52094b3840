"""The keys in a document: which are used, and which are not."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from qontract.adapters.jwks.keys import parse_keys
from qontract.application.ports.key_set import KeySetError
from tests.support.signing import CLAIMS, document, private_key, public_part

ALGORITHMS = ["RS256", "RS512", "PS256", "ES256", "EdDSA"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_checks_what_its_private_part_signed(algorithm: str) -> None:
    [key] = parse_keys(document(public_part("a", algorithm)))
    assert (key.key_id, key.algorithm) == ("a", algorithm)
    token = jwt.encode(CLAIMS, private_key("a", algorithm), algorithm=algorithm)
    assert jwt.decode(token, key.value, algorithms=[algorithm], audience="qontract-api")["sub"] == "ci"


@pytest.mark.parametrize(("kind", "algorithm"), [("RS512", "RS256"), ("ES256", "ES256"), ("EdDSA", "EdDSA")])
def test_a_key_that_names_no_algorithm_is_for_the_usual_one_of_its_kind(kind: str, algorithm: str) -> None:
    [key] = parse_keys(document(public_part("a", kind, alg=None, use=None)))
    assert key.algorithm == algorithm


def _short() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 1024).public_key()
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "key_ops": ["verify"]}


def _of_another_curve() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return {**ECAlgorithm.to_jwk(key, as_dict=True), "alg": "ES256"}


def _ed448() -> dict[str, Any]:
    return {**OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True), "alg": "EdDSA"}


def _private() -> dict[str, Any]:
    return OKPAlgorithm.to_jwk(private_key("a"), as_dict=True)


UNUSABLE = {
    "symmetric": lambda: {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    "symmetric, without an algorithm": lambda: {"kty": "oct", "k": "c2VjcmV0"},
    "public, and said to be for HS256": lambda: public_part("a", "RS256", alg="HS256"),
    "said to be for none": lambda: public_part("a", alg="none"),
    "of another kind than its algorithm": lambda: public_part("a", alg="RS256"),
    "for encryption": lambda: public_part("a", use="enc"),
    "for signing": lambda: public_part("a", key_ops=["sign"]),
    "for no known operation": lambda: public_part("a", key_ops=7),
    "private": _private,
    "a short RSA key": _short,
    "of another curve": _of_another_curve,
    "Ed448": _ed448,
    "a long id": lambda: public_part("a", kid="x" * 256),
    "an id that is no text": lambda: public_part("a", kid=7),
    "an algorithm that is no text": lambda: public_part("a", alg={}),
    "without its point": lambda: public_part("a", x=None),
    "a point that is no text": lambda: public_part("a", x=[]),
    "a point that is none": lambda: public_part("a", x="AAAA"),
    "no object": lambda: 7,
    "empty": dict,
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_key_that_cannot_be_used_is_left_out_and_the_others_are_used(make: Any) -> None:
    assert [key.key_id for key in parse_keys(document(make(), "b"))] == ["b"]


NO_KEY_SETS = {
    "no JSON": b"<html>",
    "no text": b"\xff\xfe{",
    "nothing": b"",
    "a list": b"[]",
    "without keys": b"{}",
    "keys are no list": b'{"keys": {}}',
    "too deep": b"[" * 100_000,
    "too many": document(*[{}] * 101),
}


@pytest.mark.parametrize("content", NO_KEY_SETS.values(), ids=NO_KEY_SETS.keys())
def test_what_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(KeySetError):
        parse_keys(content)
