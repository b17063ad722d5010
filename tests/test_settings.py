"""The settings table: its defaults, its sources, what a wrong value says, and that the documents name every setting."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from qa_service.errors import SettingsError
from qa_service.keys import new_key
from qa_service.settings import PREFIX, Settings, load_settings, variable_of

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # a .env of whoever runs the tests
    for name in [name for name in os.environ if name.upper().startswith((PREFIX, "SLACK_"))]:
        monkeypatch.delenv(name)


def documented_default(name: str) -> str:
    default = Settings.model_fields[name].default
    return str(default)


# Defaults and sources


def test_without_any_setting_there_are_the_defaults():
    settings = load_settings()
    assert (settings.documents, settings.index) == (Path("documents"), Path("index"))
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.embeddings == ""


def test_the_environment_sets_values(monkeypatch):
    monkeypatch.setenv("QA_DOCUMENTS", "articles")
    monkeypatch.setenv("qa_threads", "3")  # names are told apart by their letters, not by their case
    settings = load_settings()
    assert settings.documents == Path("articles")
    assert settings.threads == 3


def test_a_file_sets_values_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("QA_PORT=9000\nQA_HOST='0.0.0.0'\n# a remark\nANOTHER=1\n", encoding="utf-8")
    assert (load_settings().host, load_settings().port) == ("0.0.0.0", 9000)
    monkeypatch.setenv("QA_PORT", "9001")
    assert load_settings().port == 9001


def test_an_override_wins_and_none_is_no_override(monkeypatch):
    monkeypatch.setenv("QA_PORT", "9001")
    assert load_settings(port=9002).port == 9002
    assert load_settings(port=None).port == 9001


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_value_counts_as_not_set(monkeypatch, tmp_path, name):
    (tmp_path / ".env").write_text(f"{variable_of(name)}=\n", encoding="utf-8")
    monkeypatch.setenv(variable_of(name), "")
    assert getattr(load_settings(), name) == Settings.model_fields[name].default


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        load_settings().port = 1


# Wrong values


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("QA_PORT", "abc", "integer"),
        ("QA_PORT", "80.5", "integer"),
        ("QA_PORT", "0", "greater than or equal to 1"),
        ("QA_PORT", "65536", "less than or equal to 65535"),
        ("QA_WORKERS", "0", "greater than or equal to 1"),
        ("QA_WORKERS", "1000", "less than or equal to 64"),
        ("QA_THREADS", "-1", "greater than or equal to 1"),
        ("QA_THREADS", "1000", "less than or equal to 256"),
        ("QA_MAX_DOCUMENT_BYTES", "0", "greater than or equal to 1"),
        ("QA_MAX_QUESTION_CHARS", "none", "integer"),
        ("QA_MAX_QUESTION_CHARS", "100001", "less than or equal to 100000"),
        ("QA_CONVERSATION_DAYS", "-1", "greater than or equal to 0"),
        ("QA_CONVERSATION_DAYS", "for ever", "integer"),
        ("QA_PASSAGE_TOKENS", "19", "greater than or equal to 20"),
        ("QA_PASSAGE_TOKENS", "2001", "less than or equal to 2000"),
        ("QA_PASSAGE_OVERLAP", "-1", "greater than or equal to 0"),
        ("QA_PASSAGE_OVERLAP", "1001", "less than or equal to 1000"),
        ("QA_PASSAGE_OVERLAP", "160", "less than QA_PASSAGE_TOKENS (160)"),
    ],
)
@pytest.mark.parametrize("source", ["environment", "file"])
def test_a_wrong_value_is_one_line_that_names_the_setting_and_what_is_allowed(
    monkeypatch, tmp_path, source, name, value, allowed
):
    if source == "environment":
        monkeypatch.setenv(name, value)
    else:
        (tmp_path / ".env").write_text(f"{name}={value}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    said = str(caught.value)
    assert said.startswith(f"{name}: ")
    assert allowed in said
    assert value in said
    assert "\n" not in said


def test_an_overlap_must_leave_room_in_a_smaller_passage(monkeypatch):
    monkeypatch.setenv("QA_PASSAGE_TOKENS", "30")
    with pytest.raises(
        SettingsError, match=r"QA_PASSAGE_OVERLAP: should be less than QA_PASSAGE_TOKENS \(30\), not 40"
    ):
        load_settings()
    monkeypatch.setenv("QA_PASSAGE_OVERLAP", "29")
    assert load_settings().passage_overlap == 29


def test_a_wrong_override_names_the_setting_too():
    with pytest.raises(SettingsError, match=r"^QA_PORT: "):
        load_settings(port=0)


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"QA_HOST=caf\xe9\n")
    with pytest.raises(SettingsError, match=r"^\.env: "):
        load_settings()


# Keys and sites


def test_keys_are_separated_by_commas():
    assert load_settings().keys == ()
    assert load_settings(api_keys="one").keys == ("one",)
    assert load_settings(api_keys=" one ,two!\t, a=b:c ,").keys == ("one", "two!", "a=b:c")


@pytest.mark.parametrize("source", ["environment", "file", "override"])
@pytest.mark.parametrize(
    "wrong", ["secret one", "clé-secret", "secret\x7f", "good,secret\x00a", ",", " , ", "  ", ",\t,"]
)
def test_a_wrong_key_is_never_repeated_and_never_opens_the_service(monkeypatch, tmp_path, source, wrong):
    given = {}
    if source == "override":
        given["api_keys"] = wrong
    elif source == "file":
        (tmp_path / ".env").write_text(f'QA_API_KEYS="{wrong}"\n', encoding="utf-8")
    elif "\x00" in wrong:
        pytest.skip("no environment holds this")
    else:
        monkeypatch.setenv("QA_API_KEYS", wrong)
    with pytest.raises(SettingsError) as caught:
        load_settings(**given)
    said = str(caught.value)
    assert said == "QA_API_KEYS: should be keys of ASCII without white space, separated by commas"


HASH = "sha256:" + "0aB9" * 16


@pytest.mark.parametrize("name", ["api_keys", "admin_keys"])
@pytest.mark.parametrize(
    "wrong", ["sha256:", HASH[:-1], HASH + "0", HASH[:-1] + "g", "SHA256:abc", "sha256:plain-secret", f"good,{HASH}x"]
)
def test_a_hash_of_another_form_is_refused_and_never_repeated(name, wrong):
    with pytest.raises(SettingsError) as caught:
        load_settings(**{name: wrong, "session_secret": "s" * 16})
    assert str(caught.value) == (
        f"QA_{name.upper()}: should hold 64 hexadecimal digits after each sha256: (`qa-service key`)"
    )


@pytest.mark.parametrize("listed", [HASH, HASH.upper(), f"plain,{HASH}"])
def test_hashed_keys_need_a_secret_that_signs_sessions(listed):
    with pytest.raises(SettingsError) as caught:
        load_settings(api_keys=listed)
    assert str(caught.value) == "QA_SESSION_SECRET: is needed, because QA_API_KEYS holds hashes"
    assert load_settings(api_keys=listed, session_secret="s" * 16).keys[-1] == listed.split(",")[-1]
    assert load_settings(admin_keys=listed).administrators[-1] == listed.split(",")[-1]


def test_a_short_secret_is_refused_and_never_repeated():
    with pytest.raises(SettingsError) as caught:
        load_settings(session_secret="fifteen-letters")
    assert str(caught.value) == "QA_SESSION_SECRET: should be at least 16 characters long"


@pytest.mark.parametrize("value", ["60 per minute", "60/minute; 1000 per day", "5 per 10 seconds", "1/hour,2/day"])
def test_limits_are_taken_as_they_are_written(value):
    assert load_settings(rate_limit=value).rate_limit == value


@pytest.mark.parametrize(
    "wrong", ["60", "often", "60 per fortnight", "0 per minute", "-1 per minute", "60 per minute;", "1.5 per minute"]
)
def test_a_wrong_limit_says_what_is_right(wrong):
    with pytest.raises(SettingsError) as caught:
        load_settings(rate_limit=wrong)
    assert str(caught.value) == f"QA_RATE_LIMIT: should be of the form 60 per minute; 1000 per day, not {wrong!r}"


@pytest.mark.parametrize("value", ["redis://127.0.0.1", "rediss://:secret@redis.example:6380/2"])
def test_counts_stand_in_redis(value):
    assert load_settings(rate_limit_storage=value).rate_limit_storage.get_secret_value() == value


@pytest.mark.parametrize(
    "wrong", ["memory://", "127.0.0.1:6379", "http://secret@redis", "redis://", "redis://h:port-secret", "redis://a b"]
)
def test_a_wrong_store_of_counts_is_refused_and_never_repeated(wrong):
    with pytest.raises(SettingsError) as caught:
        load_settings(rate_limit_storage=wrong)
    assert str(caught.value) == "QA_RATE_LIMIT_STORAGE: should be empty or a redis:// or rediss:// address"


def test_settings_that_are_shown_show_no_key():
    settings = load_settings(api_keys="one-key,two-key")
    assert "-key" not in f"{settings!r} {settings}"


def test_sites_are_written_as_browsers_write_their_origins():
    assert load_settings().origins == ()
    given = " https://News.example ,http://news.example:80,https://news.example:443, http://127.0.0.1:8000 ,https://a.b:08443,"
    assert load_settings(embed_origins=given).origins == (
        "https://news.example",
        "http://news.example",
        "https://news.example",
        "http://127.0.0.1:8000",
        "https://a.b:8443",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "news.example",
        "https://news.example/",
        "https://news.example/path",
        "https://news.example?x",
        "https://user@news.example",
        "https://",
        "https://news.example:0",
        "https://news.example:65536",
        "https://news.example:",
        "https://news.example:port",
        "ftp://news.example",
        "'self'",
        "https://news.example; script-src https:",
        "https://news.example https://other.example",
        "https://nouvelles-été.example",
        "https://[::1]:8000",
        "null",
        "javascript:alert(1)",
        "https://good.example,bad",
    ],
)
def test_a_wrong_site_is_named(wrong):
    with pytest.raises(SettingsError) as caught:
        load_settings(embed_origins=wrong)
    assert str(caught.value).startswith("QA_EMBED_ORIGINS: should be origins such as https://news.example")
    assert wrong in str(caught.value)


@pytest.mark.parametrize("wrong", ["*", "https://*.news.example", "https://news.example,*"])
def test_any_site_at_all_is_refused(wrong):
    with pytest.raises(SettingsError, match=r"^QA_EMBED_ORIGINS: should name each site, because \* would admit any"):
        load_settings(embed_origins=wrong)


# Bots


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-1 2", "ASCII without white space"),
        ("SLACK_BOT_TOKEN", "xapp-of-the-app", "should begin with xoxb-"),
        ("SLACK_APP_TOKEN", "xoxb-of-the-bot", "should begin with xapp-"),
        ("SLACK_API_URL", "slack.example", "http:// or https:// address"),
        ("SLACK_API_URL", "https://user@slack.example/api/", "without a query"),
        ("QA_PUBLIC_URL", "qa.example.org", "http:// or https:// address"),
        ("QA_PUBLIC_URL", "https://qa.example.org/?x=1", "without a query"),
        ("QA_PUBLIC_URL", "https://qa.example.org/|x", "http:// or https:// address"),
        ("QA_SLACK_TEAMS", "example", "ids such as T0123ABCD"),
        ("QA_SLACK_TEAMS", ",", "ids such as T0123ABCD"),
        ("QA_SLACK_THREADS", "sometimes", "boolean"),
        ("QA_MATTERMOST_TOKENS", "short", "8 characters or more"),
        ("QA_MATTERMOST_URL", "ftp://chat.example", "http:// or https:// address"),
    ],
)
def test_a_wrong_setting_of_a_bot_is_named(monkeypatch, name, value, allowed):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    said = str(caught.value)
    assert said.startswith(f"{name}: ")
    assert allowed in said
    assert not any(secret in said for secret in ("xoxb-1", "of-the", "short"))


@pytest.mark.parametrize(
    ("name", "value"), [("SLACK_SIGNING_SECRET", "a-secret-of-the-tests"), ("SLACK_APP_TOKEN", "xapp-of-the-tests")]
)
def test_what_a_bot_in_slack_needs_is_of_no_use_without_its_token(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: is of no use without SLACK_BOT_TOKEN$"):
        load_settings()
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-tests")
    assert getattr(load_settings(), name.lower()).get_secret_value() == value


def test_lists_of_the_bots(monkeypatch):
    assert (load_settings().teams, load_settings().webhook_tokens) == (frozenset(), ())
    monkeypatch.setenv("QA_SLACK_TEAMS", "T0123ABCD, T0456,")
    monkeypatch.setenv("QA_MATTERMOST_TOKENS", "first-token, second-token")
    assert load_settings().teams == {"T0123ABCD", "T0456"}
    assert load_settings().webhook_tokens == ("first-token", "second-token")


# Documentation


def test_every_setting_says_what_it_means():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_readme_lists_every_setting_and_no_other():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `((?:QA|SLACK)_\w+)` \| (.*?) \| (.*?) \|$", readme, flags=re.MULTILINE)
    listed = {name: (default, description) for name, default, description in rows}
    assert len(listed) == len(rows), "a setting is listed twice"
    expected = {}
    for name, field in Settings.model_fields.items():
        default = f"`{documented_default(name)}`" if documented_default(name) else "empty"
        expected[variable_of(name)] = (default, field.description)
    assert listed == expected


def test_the_sample_file_lists_every_setting_with_its_default_and_sets_none():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    listed = dict(re.fullmatch(r"#(\w+)=(.*)", line).groups() for line in lines if re.match("#[A-Z]", line))
    assert listed == {variable_of(name): documented_default(name) for name in Settings.model_fields}


@pytest.mark.parametrize("hashed", [(False, False), (True, False), (False, True), (True, True)])
def test_no_key_is_both_a_readers_and_an_administrators(hashed):
    key, listed = new_key()
    readers, administrators = (listed.upper().replace("SHA256", "sha256") if each else key for each in hashed)
    with pytest.raises(SettingsError) as caught:
        load_settings(api_keys=f"another,{readers}", admin_keys=administrators, session_secret="s" * 16)
    assert str(caught.value) == "QA_ADMIN_KEYS: should hold no key of QA_API_KEYS, with which readers sign in"
    assert load_settings(api_keys="another", admin_keys=administrators).administrators == (administrators,)
