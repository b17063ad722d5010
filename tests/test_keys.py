"""Keys, listed as they are or as hashes, and the sessions that they begin."""

from __future__ import annotations

import hashlib

import pytest

from qa_service.keys import Keys, name_of, new_key, signer

SECRET = "a secret of the service"


def hash_of(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


@pytest.mark.parametrize("listed", ["first-key", hash_of("first-key"), hash_of("first-key").upper()])
def test_a_key_is_accepted_in_either_form(listed):
    keys = Keys([listed, "second"], SECRET)
    assert [keys.accept(given) for given in ("first-key", "second")] == [True, True]
    for wrong in ("", "first-ke", "first-key ", "FIRST-KEY", "clé", "\ud800", hash_of("first-key"), "x" * 100_000):
        assert not keys.accept(wrong)
        assert keys.session(wrong) is None


def test_no_keys_accept_nothing():
    keys = Keys([])
    assert not keys
    assert not keys.accept("")
    assert not keys.admit(signer([b""]).sign(b"reader").decode())


def test_a_key_is_new_each_time_and_its_hash_is_the_form_for_the_setting():
    made = {new_key() for _ in range(20)}
    assert len({key for key, _ in made}) == 20
    for key, listed in made:
        assert len(key) >= 43
        assert listed == hash_of(key)
        assert Keys([listed]).accept(key)


@pytest.mark.parametrize("listed", ["first-key", hash_of("first-key")])
def test_a_session_is_signed_with_the_secret_and_the_key(listed):
    session = Keys([listed], SECRET).session("first-key")
    assert session
    assert "first-key" not in session
    # The same key in the other form begins the same sessions, so that it can be changed for its hash.
    for keys in (["first-key"], [hash_of("first-key")], ["new", listed]):
        assert Keys(keys, SECRET).admit(session)
    for keys, secret in ((["first-key"], ""), ([listed], SECRET + "."), (["another"], SECRET), ([], SECRET)):
        assert not Keys(keys, secret).admit(session)


def test_no_two_readers_have_one_session():
    keys = Keys(["first-key"])
    assert len({keys.session("first-key") for _ in range(20)}) == 20


def test_a_hash_alone_signs_no_session():
    listed = hash_of("first-key")
    digest = bytes.fromhex(listed.removeprefix("sha256:"))
    for secret in ("", SECRET):
        keys = Keys([listed], secret)
        for forged_with in (digest, listed.encode(), digest.hex().encode(), b""):
            assert not keys.admit(signer([forged_with]).sign(b"reader").decode())
    assert Keys([listed]).session("first-key") is None


def test_a_name_tells_keys_apart_and_is_none():
    names = {name_of(key) for key in ("a", "b", "clé", "\ud800")}
    assert len(names) == 4
    assert not any(Keys(["a"], SECRET).accept(name) for name in names)
