"""The manifest of the Slack app: one that Slack takes, asking for no more than it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

_MANIFEST = Path(__file__).parents[1] / "docs" / "slack-manifest.yaml"
# What Slack's schema of a manifest knows of the parts that are used here.
_KNOWN: dict[str, set[str]] = {
    "": {"_metadata", "display_information", "features", "oauth_config", "settings"},
    "display_information": {"name", "description", "long_description", "background_color"},
    "features": {
        "app_home", "bot_user", "slash_commands", "shortcuts", "assistant_view", "unfurl_domains", "workflow_steps",
    },
    "features.app_home": {"home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"},
    "features.bot_user": {"display_name", "always_online"},
    "features.slash_commands": {"command", "url", "description", "usage_hint", "should_escape"},
    "features.shortcuts": {"name", "type", "callback_id", "description"},
    "oauth_config": {"scopes", "redirect_urls", "token_management_enabled"},
    "oauth_config.scopes": {"bot", "user"},
    "settings": {
        "allowed_ip_address_ranges", "event_subscriptions", "interactivity", "org_deploy_enabled",
        "socket_mode_enabled", "token_rotation_enabled", "is_hosted", "function_runtime", "incoming_webhooks",
    },
    "settings.event_subscriptions": {"request_url", "bot_events", "user_events", "metadata_subscriptions"},
    "settings.interactivity": {"is_enabled", "request_url", "message_menu_options_url"},
}  # fmt: skip
# The scope that Slack asks for before it tells of an event; None where it asks for none.
_SCOPE_OF_EVENT = {
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return yaml.safe_load(_MANIFEST.read_text(encoding="utf-8"))


def _unknown(part: Any, path: str = "") -> list[str]:
    if isinstance(part, list):
        return [found for each in part for found in _unknown(each, path)]
    if not isinstance(part, dict):
        return []
    own = [f"{path}.{key}" for key in part if key not in _KNOWN.get(path, set())]
    return own + [found for key, value in part.items() for found in _unknown(value, f"{path}.{key}".strip("."))]


def test_only_what_slack_knows_is_in_it(manifest: dict[str, Any]) -> None:
    assert _unknown(manifest) == []
    assert _unknown({"settings": {"interactive": {}}}) == ["settings.interactive"]


def test_it_says_what_it_is_in_both_languages(manifest: dict[str, Any]) -> None:
    said = manifest["display_information"]
    assert len(said["name"]) <= 35
    assert len(said["description"]) <= 140
    assert 175 <= len(said["long_description"]) <= 4000
    for text in (said["description"], said["long_description"]):
        assert re.search(r"\b(answer|answers)\b", text)
        assert re.search(r"\b(réponse|réponses)\b", text)
    assert re.fullmatch(r"#(?:[0-9a-fA-F]{3}){1,2}", said["background_color"])
    assert "\n" in said["long_description"]


def test_readers_can_write_to_it_and_call_it(manifest: dict[str, Any]) -> None:
    features = manifest["features"]
    assert features["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert len(features["bot_user"]["display_name"]) <= 80
    (command,) = features["slash_commands"]
    assert command["command"] == "/ask"
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000
    (shortcut,) = features["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", "ask_about_this")
    assert len(shortcut["name"]) <= 24
    assert len(shortcut["description"]) <= 150
    assert manifest["settings"]["interactivity"]["is_enabled"] is True


def test_every_request_goes_to_one_address(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    addresses = [
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
        manifest["features"]["slash_commands"][0]["url"],
    ]
    assert set(addresses) == {"https://qa.example.org/slack/events"}
    told = _MANIFEST.read_text(encoding="utf-8")
    assert len(re.findall(r"^[^#\n]*qa\.example\.org", told, re.MULTILINE)) == 3
    assert [settings[name] for name in ("org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled")] == [
        False,
        False,
        False,
    ]


def test_each_event_has_its_scope_and_no_scope_is_idle(manifest: dict[str, Any]) -> None:
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(events) == sorted(_SCOPE_OF_EVENT)
    needed = {scope for event in events if (scope := _SCOPE_OF_EVENT[event])}
    # To post, to be called by command and shortcut, and to know a reader's language.
    needed |= {"chat:write", "commands", "users:read"}
    scopes = manifest["oauth_config"]["scopes"]
    assert list(scopes) == ["bot"]
    assert sorted(scopes["bot"]) == sorted(needed)


def test_each_scope_says_what_it_is_for() -> None:
    lines = _MANIFEST.read_text(encoding="utf-8").splitlines()
    start = lines.index("    bot:") + 1
    scopes = [at for at, line in enumerate(lines) if at >= start and re.fullmatch(r" {6}- [a-z_]+:?[a-z]*", line)]
    for at in scopes[:8]:
        assert lines[at - 1].lstrip().startswith("#"), lines[at]
