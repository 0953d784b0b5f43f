"""Settings and credentials from the environment."""

from pathlib import Path

import pytest

from evenload.runtime.credentials import Credentials, CredentialsError, read_credentials
from evenload.runtime.settings import Settings, SettingsError


def test_nothing_set_gives_the_defaults_on_loopback() -> None:
    assert Settings.from_env({"PATH": "/bin"}) == Settings()
    assert Settings().http_host == Settings().ocpp_host == "127.0.0.1"


def test_all_names_are_read(tmp_path: Path) -> None:
    creds = tmp_path / "nats.creds"
    creds.write_text("me:secret")
    found = Settings.from_env(
        {
            "EVENLOAD_NATS_URL": "nats://10.0.0.1:4222",
            "EVENLOAD_NATS_CREDS": str(creds),
            "EVENLOAD_HTTP_HOST": "0.0.0.0",
            "EVENLOAD_HTTP_PORT": "9100",
            "EVENLOAD_DATA_DIR": "/var/lib/evenload",
            "EVENLOAD_LOG": "JSON",
            "EVENLOAD_LOG_LEVEL": "debug",
            "EVENLOAD_OCPP_HOST": "0.0.0.0",
            "EVENLOAD_OCPP_PORT": "9001",
            "EVENLOAD_OCPP_OPEN": "1",
            "EVENLOAD_NATS_MONITOR": "http://a:8222, https://b:8222",
        }
    )
    assert found == Settings(
        nats_url="nats://10.0.0.1:4222",
        nats_creds=str(creds),
        http_host="0.0.0.0",
        http_port=9100,
        data_dir="/var/lib/evenload",
        log="json",
        log_level="DEBUG",
        ocpp_host="0.0.0.0",
        ocpp_port=9001,
        ocpp_open=True,
        nats_monitor="http://a:8222, https://b:8222",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EVENLOAD_HTTP_PORT", "70000", "a port"),
        ("EVENLOAD_NATS_MONITOR", "nats://a:8222", "addresses like http"),
        ("EVENLOAD_HTTP_PORT", "-1", "a port"),
        ("EVENLOAD_OCPP_PORT", "nine", "a port"),
        ("EVENLOAD_OCPP_PORT", "٣", "a port"),
        ("EVENLOAD_LOG", "xml", "json | text | auto"),
        ("EVENLOAD_LOG_LEVEL", "loud", "DEBUG | INFO"),
        ("EVENLOAD_OCPP_OPEN", "yes", "0 | 1"),
        ("EVENLOAD_OCPP_DRAIN_PCT", "some", "percent"),
        ("EVENLOAD_OCPP_DRAIN_PCT", "nan", "percent"),
        ("EVENLOAD_OCPP_DRAIN_PCT", "-1", "from 0 to 6000"),
        ("EVENLOAD_NATS_CREDS", "/nowhere/x.creds", "a readable file"),
        ("EVENLOAD_NATS_URL", "localhost:4222", "addresses like nats://host:4222"),
        ("EVENLOAD_NATS_URL", "nats://a:4222,http://b", "addresses like nats://host:4222"),
        ("EVENLOAD_NATS_URL", "nats://a:port", "addresses like nats://host:4222"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_is_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({name: value})
    assert name in str(refused.value)
    assert expected in str(refused.value)


def test_an_address_with_a_password_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"EVENLOAD_NATS_URL": "nats://me:hunter2@host:port"})
    assert "hunter2" not in str(refused.value)


def test_user_and_password_come_from_one_line_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "creds"
    file.write_text("gateway:s3cret:with:colons\n")
    found = read_credentials(str(file))
    assert found.options() == {"user": "gateway", "password": "s3cret:with:colons"}
    assert "s3cret" not in repr(found)


def test_no_credentials_are_none() -> None:
    assert read_credentials("") == Credentials()
    assert Credentials().options() == {}


@pytest.mark.parametrize("content", [b"", b"nocolon", b"user:", b":password", b"a:b\nc:d", b"\xff\xfe"])
def test_credentials_that_are_none_are_refused_without_showing_them(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "creds"
    file.write_bytes(content)
    with pytest.raises(CredentialsError) as refused:
        read_credentials(str(file))
    assert str(file) in str(refused.value)
    assert "password" not in str(refused.value).replace("user:password", "")
