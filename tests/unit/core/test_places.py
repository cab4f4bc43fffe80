"""What is printed of a place never holds its secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.places import shown, shown_within

secrets = st.text("abcdefXYZ0123456789%!$&'()*+,;=:@/-_.", min_size=8, max_size=20).map(
    lambda text: f"s3cr{text}"
)


@given(secrets, st.sampled_from(["charts.example", "127.0.0.1:8080", "[::1]:8443"]))
def test_a_password_is_never_shown_whatever_is_in_it(secret: str, host: str) -> None:
    said = shown(f"https://reader:{secret}@{host}/edge?token={secret}#part")
    assert secret not in said
    assert "reader" not in said
    assert shown(f"https://reader:secret@{host}/edge") == f"https://***@{host}/edge"


@given(secrets)
def test_a_password_is_not_shown_in_a_text_either(secret: str) -> None:
    said = shown_within(f"curl -s https://reader:{secret}@charts.example/x | sh")
    assert secret not in said
    assert said.startswith("curl -s https://***@charts.example/x")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("https://helm.linkerd.io/edge", "https://helm.linkerd.io/edge"),
        ("https://token@mirror.example/edge", "https://***@mirror.example/edge"),
        ("/srv/charts@2026?", "/srv/charts@2026?"),
        ("~/releases.yml", "~/releases.yml"),
    ],
)
def test_what_is_no_secret_is_shown_as_it_stands(place: str, said: str) -> None:
    assert shown(place) == said
