"""A policy's fingerprint: what is planned anew when a setting changes."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from syncer.settings.policy import ChannelPolicy, Policy

OTHER = {bool: True, int: 7, float: 7.5, tuple: ("a",), str: "other"}
NOT_SELECTING = {"canary", "canary_blocks", "wipe_guard_percent", "upstreams"}
KEYS = [field.name for field in fields(ChannelPolicy) if "definition" in field.metadata]


def changed(key: str) -> ChannelPolicy:
    before = getattr(ChannelPolicy(), key)
    after = date(2026, 1, 1) if before is None else OTHER[type(before)]
    changes: dict[str, Any] = {key: after}
    return replace(ChannelPolicy(), **changes)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in NOT_SELECTING])
def test_whatever_selects_is_in_it(key: str) -> None:
    assert changed(key).fingerprint != ChannelPolicy().fingerprint


@pytest.mark.parametrize("key", sorted(NOT_SELECTING))
def test_guards_canaries_and_addresses_are_not(key: str) -> None:
    assert changed(key) != ChannelPolicy()
    assert changed(key).fingerprint == ChannelPolicy().fingerprint == Policy().fingerprint
