"""The recording rules and the directory as the pages need them: read now and then, not for each page."""

import threading
import time
from dataclasses import dataclass

from sqlalchemy import Engine

from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.recording_rules.loading import rules_in_force
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import PermanentError
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline.settings import Settings

KEPT_S = 30.0


@dataclass(frozen=True, slots=True)
class RulesOfTheMoment:
    """What is in force."""

    rules: RuleSet
    directory: Directory


class KnownRules:
    """Rules and directory, at most `KEPT_S` old. Thread-safe."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._lock = threading.Lock()
        self._known: RulesOfTheMoment | None = None
        self._read_at = 0.0

    def now(self) -> RulesOfTheMoment:
        """What is in force.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            ConfigurationError: it has not been migrated.
        """
        with self._lock:
            if self._known is None or time.monotonic() - self._read_at > KEPT_S:
                self._known = RulesOfTheMoment(
                    rules_in_force(self._settings, self._engine).rules, self._directory()
                )
                self._read_at = time.monotonic()
            return self._known

    def _directory(self) -> Directory:
        """A directory that is wrong takes teams from the rules, not the page from the people."""
        try:
            return load_directory(self._settings, self._engine)
        except PermanentError:
            return self._known.directory if self._known is not None else EMPTY_DIRECTORY
