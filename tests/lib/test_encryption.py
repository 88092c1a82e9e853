import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_project.lib.encryption import keyring
from broker_project.lib.errors import Misconfigured


def key(letter: bytes) -> str:
    return base64.b64encode(letter * 32).decode()


OLD = f"old:{key(b'a')}"
NEW = f"new:{key(b'b')}"


@given(st.text(), st.text())
def test_what_is_sealed_opens_with_the_same_purpose(text: str, purpose: str) -> None:
    ring = keyring(NEW)
    assert ring.open(ring.seal(text, purpose=purpose), purpose=purpose) == text


def test_a_sealed_text_holds_the_key_id_and_not_the_text() -> None:
    sealed = keyring(NEW).seal("plain words", purpose="p")
    assert sealed.startswith("v1:new:")
    assert "plain" not in sealed
    assert sealed != keyring(NEW).seal("plain words", purpose="p")


def test_after_rotation_old_texts_open_and_new_ones_use_the_new_key() -> None:
    sealed = keyring(OLD).seal("text", purpose="p")
    both = keyring(f"{NEW},{OLD}")
    assert both.open(sealed, purpose="p") == "text"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("text", purpose="p"))


def test_a_text_sealed_for_another_field_does_not_open() -> None:
    sealed = keyring(NEW).seal("text", purpose="a")
    with pytest.raises(Misconfigured, match="cannot be decrypted with key 'new'"):
        keyring(NEW).open(sealed, purpose="b")


def test_a_missing_key_is_named() -> None:
    sealed = keyring(OLD).seal("text", purpose="p")
    with pytest.raises(Misconfigured, match="'old', which BROKER_ENCRYPTION_KEYS does not hold"):
        keyring(NEW).open(sealed, purpose="p")


@pytest.mark.parametrize("tampered", ["", "v1:new:", "v1:new:%%%", "v2:new:AAAA", "rubbish"])
def test_rubbish_is_refused_with_a_sentence(tampered: str) -> None:
    with pytest.raises(Misconfigured):
        keyring(NEW).open(tampered, purpose="p")


@pytest.mark.parametrize("keys", ["", "nokey", "k1:short", f"k1:{key(b'a')[:20]}", f":{key(b'a')}"])
def test_unusable_keys_are_refused(keys: str) -> None:
    with pytest.raises(Misconfigured, match="BROKER_ENCRYPTION_KEYS"):
        keyring(keys)
