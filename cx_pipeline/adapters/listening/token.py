"""The listener's bearer token: from a setting, or from a file that is read anew when its token is refused."""

from pathlib import Path

from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError


class ListenerToken:
    """A token, or none for a gateway that asks for none."""

    def __init__(self, token: SecretStr | None = None, file: Path | None = None) -> None:
        """Take the token, or read it.

        Raises:
            ConfigurationError: the file cannot be read, or is empty.
        """
        self._file = file
        self._token = secret_of(token, file, "CX_LISTENER_TOKEN")

    @property
    def headers(self) -> dict[str, str]:
        """The header that bears it. Never to be printed."""
        return {} if self._token is None else {"Authorization": f"Bearer {self._token.get_secret_value()}"}

    @property
    def secrets(self) -> list[str]:
        """What must not show up in a message."""
        return [] if self._token is None else [self._token.get_secret_value()]

    def renew(self) -> bool:
        """Read the file anew; whether it holds another token than before.

        Raises:
            ConfigurationError: the file cannot be read, or is empty.
        """
        if self._file is None:
            return False
        before, self._token = self._token, _read(self._file, "CX_LISTENER_TOKEN")
        return self._token != before


def secret_of(secret: SecretStr | None, file: Path | None, variable: str) -> SecretStr | None:
    """A secret for a header: that of the file where there is one, else the one given, if any.

    Raises:
        ConfigurationError: the file cannot be read or is empty, or the secret is no text for a header.
    """
    if file is not None:
        return _read(file, variable)
    return None if secret is None else _checked(secret.get_secret_value(), variable)


def _read(file: Path, variable: str) -> SecretStr:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: {file} cannot be read ({type(error).__name__})") from None
    return _checked(text.strip(), f"{variable}: {file}")


def _checked(text: str, name: str) -> SecretStr:
    if not text or not text.isascii() or not text.isprintable():
        raise ConfigurationError(f"{name} holds no token: one line of plain text is wanted")
    return SecretStr(text)
