"""All errors of the product, one tree.

    CxError
    ├── PermanentError          trying again gives the same answer
    │   ├── ConfigurationError  a setting, a file of ours or a command line is wrong
    │   ├── InputError          what came in cannot be used at all (a file, not a row of it)
    │   ├── SchemaError         a frame has not the columns or types that its schema declares
    │   ├── EventsDroppedError  retention dropped the events that a computation needs
    │   ├── StaleWriterError    a newer computation of the same thing was already written
    │   ├── SourceRefusedError  a Cisco database refuses us: password, rights, driver, a missing column
    │   ├── KeyMissingError     a tenant has no key to seal with, or the one that a file wants is not there or destroyed
    │   └── BrokenSealError     a sealed file is not what was sealed: changed, cut, or put together of others
    └── TransientError          trying again may help
        ├── DatabaseUnavailableError
        ├── SourceUnavailableError
        ├── DestinationUnavailableError
        └── StorageUnavailableError

A row that cannot be used is no error: it goes to quarantine with a reason. Whether a failure is worth
another try is a property of its type, so that no caller has to read messages.
"""


class CxError(Exception):
    """Root of the tree. The message names the thing, the file or row, and what to do about it."""

    is_transient = False


class PermanentError(CxError):
    """Trying again gives the same answer."""


class TransientError(CxError):
    """Trying again may help."""

    is_transient = True


class ConfigurationError(PermanentError):
    """A setting, a file of ours or a command line is wrong."""


class InputError(PermanentError):
    """What came in cannot be used at all."""


class SchemaError(PermanentError):
    """A frame has not the columns or types that its schema declares."""


class EventsDroppedError(PermanentError):
    """Retention dropped the events that a computation needs."""


class StaleWriterError(PermanentError):
    """A newer computation of the same thing was already written."""


class SourceRefusedError(PermanentError):
    """A Cisco database refuses us, or cannot be asked as it is set: the message names the source and what to check."""


class KeyMissingError(PermanentError):
    """A tenant has no key to seal with, or the one that a file wants is not in the ring, or was destroyed."""


class BrokenSealError(PermanentError):
    """A sealed file is not what was sealed: changed, cut, or put together of others. Nothing of it is to be used."""


class SourceUnavailableError(TransientError):
    """A Cisco database did not answer in time or is not there."""


class DatabaseUnavailableError(TransientError):
    """The database did not answer in time or is not there."""


class DestinationUnavailableError(TransientError):
    """A system that we send to did not answer in time or is not there."""


class StorageUnavailableError(TransientError):
    """The storage of audio did not answer, or is full."""
