"""Signatures, checked by the published example and by a verifier of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker_project.lib.errors import Misconfigured
from events.alerts import signing


def test_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signing.headers(
        b'{"test": 2432232314}',
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        secret=secret,
        now=datetime.fromtimestamp(1614265330, UTC),
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_fresh_secret_is_one_that_signs() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one.startswith("whsec_") and one != other
    assert len(signing.key_of(one)) == 32


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "whsec_" + "QUFB" * 40])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(Misconfigured, match="must be whsec_"):
        signing.key_of(secret)
