"""Whether a call is to be recorded, asked while it begins (guide 19.4.4)."""

import asyncio
import logging
from dataclasses import dataclass

from anyio.to_thread import run_sync
from sqlalchemy import Engine

from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.recording_rules.loading import load_rules
from cx_pipeline.adapters.recording_rules.yaml_file import read_rules_file
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.recording.evaluation import Answer, evaluate_call
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline.gateway.intake.questions import Question
from cx_pipeline.settings import Settings

_REFRESH_S = 5.0
_FIRST_WAIT_S = 1.0
"""So long the first questions wait for the first reading of the rules; then everything is recorded."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    rules: RuleSet
    directory: Directory


class RulesInForce:
    """The rules and the directory, read again every few seconds; while they cannot be read, the last good ones hold."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._loaded = _Loaded(EMPTY_RULES, EMPTY_DIRECTORY)
        self._is_loaded = asyncio.Event()
        self._problem = ""

    async def evaluate(self, question: Question) -> Answer:
        """What to do with a call: final only where nothing that is unknown can change it."""
        if not self._is_loaded.is_set():
            try:
                await asyncio.wait_for(self._is_loaded.wait(), _FIRST_WAIT_S)
            except TimeoutError:
                _log.warning("no rules are known yet: everything is recorded")
        return await run_sync(self._evaluate, question)

    async def keep_fresh(self) -> None:
        """Read the rules again and again, until cancelled."""
        while True:
            await run_sync(self._load, abandon_on_cancel=True)
            self._is_loaded.set()
            await asyncio.sleep(_REFRESH_S)

    def _evaluate(self, question: Question) -> Answer:
        loaded = self._loaded
        return evaluate_call(question.of_call(loaded.directory), loaded.rules, loaded.directory)

    def _load(self) -> None:
        try:
            loaded = load_rules(self._settings, self._engine)
            self._loaded = _Loaded(loaded.rules, load_directory(self._settings, self._engine))
            self._tell(loaded.problem or "")
        except CxError as error:
            self._tell(str(error))
            self._load_files()
        except Exception as error:
            _log.exception("the recording rules cannot be read")
            self._problem = str(error)

    def _load_files(self) -> None:
        """Without the database: what stands in files, where nothing is known yet."""
        path = self._settings.recording_rules_file
        if path is None or self._loaded.rules is not EMPTY_RULES:
            return
        try:
            self._loaded = _Loaded(read_rules_file(path), self._loaded.directory)
        except CxError as error:
            self._tell(str(error))

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            _log.warning("the newest recording rules are not in force: %s", problem)
        self._problem = problem
