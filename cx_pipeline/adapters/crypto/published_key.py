"""The key that was printed in the installed base's documentation (guide 17.7.3): known here by its fingerprint only.

Whoever read that page can open what was sealed with it. So nothing is sealed with it any more; old archives may be read
with it, to be sealed anew (`cx-pipeline keys import`).
"""

import hashlib

from cx_pipeline.core.errors import ConfigurationError

PUBLISHED_KEYS = frozenset({"88c07fa0458677a5bb5e09815c64198ae0b3e40d9f9fc462b739943ed0a1c617"})
"""SHA-256 of the 32 bytes, hexadecimal."""


def fingerprint(secret: bytes) -> str:
    """SHA-256 of a key, hexadecimal: by it a key is recognised by who does not know it."""
    return hashlib.sha256(secret).hexdigest()


def is_published(secret: bytes) -> bool:
    """Whether this is a key that everybody can read up."""
    return fingerprint(secret) in PUBLISHED_KEYS


def refuse_published(secret: bytes, what: str) -> None:
    """Let no key that everybody can read up be used for `what`.

    Raises:
        ConfigurationError: it is one.
    """
    if is_published(secret):
        raise ConfigurationError(
            f"{what} is the key that was printed in the recorder's documentation: everybody has it. "
            "Make another one with cx-pipeline keys create; archives that were sealed with it are sealed anew "
            "by cx-pipeline keys import"
        )
