"""The file of static tokens: a JSON list of names, hashes and rights. No token is kept, only its SHA-256.

A token is 32 random bytes, so its plain hash tells nothing and needs no salt.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cx_pipeline.adapters.storage.part_files import PartFile
from cx_pipeline.core.errors import ConfigurationError, CxError

TOKEN_BYTES = 32
_PREFIX = "cxt_"
"""So that a token that got out is found where secrets are looked for."""
_LOCK_WAIT_S = 10


class StaticToken(BaseModel):
    """One token, as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    tenant: str = Field(min_length=1, max_length=200)
    """Whose data it opens; `*`: all tenants'."""
    scopes: tuple[str, ...] = ()
    expires_at: AwareDatetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether it is no longer valid at `now`."""
        return self.expires_at is not None and self.expires_at <= now


_LIST = TypeAdapter(tuple[StaticToken, ...])


def new_token() -> str:
    """The text of a new token."""
    return _PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def parse_tokens(text: str, place: str) -> tuple[StaticToken, ...]:
    """The tokens in a JSON list.

    Args:
        text: the list.
        place: where it stands, for messages.

    Raises:
        ConfigurationError: it is none, or a name or a hash is there twice. No hash is in the message.
    """
    try:
        tokens = _LIST.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ConfigurationError(f"{place} holds no list of tokens: {where}: {first['msg']}") from None
    for wanted in ("name", "sha256"):
        if len({getattr(token, wanted) for token in tokens}) < len(tokens):
            raise ConfigurationError(f"{place} has the same {wanted} twice: each token needs its own")
    return tokens


def read_token_file(path: Path) -> tuple[StaticToken, ...]:
    """The tokens in a file.

    Raises:
        ConfigurationError: it is not there, cannot be read, or is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no file of tokens {path}: cx-pipeline gateway token create makes it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the file of tokens {path} cannot be read ({type(error).__name__})"
        ) from None
    return parse_tokens(text, f"the file of tokens {path}")


def change_token_file(
    path: Path, change: Callable[[tuple[StaticToken, ...]], tuple[StaticToken, ...]]
) -> tuple[StaticToken, ...]:
    """Read the tokens (no file: none), change them, write them; one at a time. Returns the new ones.

    They are on the disk when this returns. A crash leaves the old file or the new one.

    Raises:
        ConfigurationError: it cannot be read or written, or somebody else changes it for longer than 10 seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_WAIT_S):
            tokens = change(read_token_file(path) if path.exists() else ())
            _write(path.resolve(), _as_json(tokens))
    except Timeout:
        raise ConfigurationError(f"another process changes the file of tokens {path}: try again") from None
    except OSError as error:
        raise ConfigurationError(
            f"the file of tokens {path} cannot be written: {error.strerror or type(error).__name__}"
        ) from None
    return tokens


def added(tokens: tuple[StaticToken, ...], token: StaticToken) -> tuple[StaticToken, ...]:
    """The tokens and one more.

    Raises:
        ConfigurationError: there is one of that name.
    """
    if any(each.name == token.name for each in tokens):
        raise ConfigurationError(
            f"there is a token {token.name} already: revoke it first, or take another name"
        )
    return (*tokens, token)


def without(tokens: tuple[StaticToken, ...], name: str) -> tuple[StaticToken, ...]:
    """The tokens but one.

    Raises:
        ConfigurationError: there is none of that name.
    """
    left = tuple(token for token in tokens if token.name != name)
    if len(left) == len(tokens):
        raise ConfigurationError(
            f"there is no token {name}: cx-pipeline gateway token list shows what there is"
        )
    return left


def _as_json(tokens: tuple[StaticToken, ...]) -> str:
    shown = [
        {
            "name": token.name,
            "sha256": token.sha256,
            "tenant": token.tenant,
            "scopes": sorted(token.scopes),
            **(
                {}
                if token.expires_at is None
                else {"expires_at": token.expires_at.astimezone(UTC).isoformat()}
            ),
        }
        for token in tokens
    ]
    return json.dumps(shown, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    before = path.stat() if path.exists() else None
    try:
        with PartFile(path) as file:
            file.write(text.encode())
            file.force_to_disk()
            file.publish()
        if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            # root may add a token to the file of a service that runs as another user.
            os.chown(path, before.st_uid, before.st_gid)
    except CxError as error:
        raise ConfigurationError(str(error)) from None
