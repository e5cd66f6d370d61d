"""Makes the recordings that a window wants, and keeps the table of recordings up to date meanwhile."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from sqlalchemy import Engine

from cx_pipeline.adapters.audio.mixing import MixOrder, write_metadata
from cx_pipeline.adapters.audio.pool import MixOutcome, MixPool
from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.adapters.database.recordings import RecordedState, Recordings
from cx_pipeline.adapters.storage.recordings import RecordingStore
from cx_pipeline.core.errors import ConfigurationError, CxError, KeyMissingError
from cx_pipeline.core.recording.metadata import redescribed
from cx_pipeline.core.recording.schema import COMPLETED, FAILED, MIXING, NO_KEY, SPLICING
from cx_pipeline.core.recording.wanted import WantedRecording, retry_at
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings


@dataclass(slots=True)
class MixingReport:
    """What became of a window's recordings in one run.

    `described`: made before, and described anew. `already`: made before. `waiting`: not yet due. `put_off`: failed in passing. `mix_s` is what it took in all, with
    all workers; `render_s` and `hash_s` are sums over the workers.
    """

    made: int = 0
    described: int = 0
    already: int = 0
    waiting: int = 0
    put_off: int = 0
    failed: int = 0
    audio_s: float = 0.0
    mix_s: float = 0.0
    render_s: float = 0.0
    hash_s: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def audio_hours_a_second(self) -> float:
        """Hours of audio that were mixed in a second."""
        return self.audio_s / 3600 / self.mix_s if self.mix_s else 0.0


class WindowMixing:
    """Mixes windows by the settings of a deployment.

    Args:
        settings: folders, workers, keys and retention.
        engine: where states and keys are kept.
        on_progress: told of the number made and the number to make, after each.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._settings = settings
        self._recordings = Recordings(engine)
        self._keys = RecordingKeys(engine)
        self._ring = KeyRing.load(settings)
        self._on_progress = on_progress

    def mix(
        self,
        window: Window,
        wanted: Sequence[WantedRecording],
        now: datetime,
        *,
        retry_failed: bool,
        settled_calls: Collection[str] = (),
    ) -> MixingReport:
        """Plan what the window wants and make what is due; describe anew what is made and of which more is known now.

        Each recording stands for itself: what cannot be made is noted with its reason, and the others are made.

        Args:
            window: whose recordings these are.
            wanted: of `wanted_recordings`.
            now: the run's moment.
            retry_failed: whether those that failed for good are tried once more, as a person asks for it.
            settled_calls: calls of which nothing is left to do, and of which nothing is wanted here.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        discard_at = now + timedelta(days=self._settings.raw_retention_days)
        states = self._recordings.plan(window, wanted, settled_calls=settled_calls, discard_at=discard_at)
        report = MixingReport()
        self._describe_anew([each for each in wanted if _is_made(each, states)], report)
        due = []
        for each in wanted:
            if each.plan is not None:
                if _is_due(states.get(each.recording_id), now, retry_failed=retry_failed):
                    due.append(each)
                else:
                    self._count_idle(report, states.get(each.recording_id))
        if not due:
            return report
        attempts = {each.recording_id: states[each.recording_id].attempts + 1 for each in due}
        by_id = {each.recording_id: each for each in due}
        begun = perf_counter()
        workers = min(self._settings.mix_workers, len(due))
        with MixPool(workers, self._settings.mix_timeout_s) as pool:
            for done, outcome in enumerate(pool.run(self._orders(due, report)), 1):
                each = by_id[outcome.order.plan.recording_id]
                self._note(each, outcome, attempts[each.recording_id], now, report)
                self._on_progress(done, len(due))
        report.mix_s = perf_counter() - begun
        return report

    def _describe_anew(self, made: Sequence[WantedRecording], report: MixingReport) -> None:
        """A record of Cisco's may come after the audio: then the file's description tells of it, too."""
        known = self._recordings.details_of([each.recording_id for each in made])
        for each in made:
            before = known.get(each.recording_id)
            if not before:
                continue  # it could not be read when it was made
            after = redescribed(before, _told(each))
            if after != before:
                write_metadata(RecordingStore(self._settings.recordings_folder), after)
                self._recordings.described(each.recording_id, after)
                report.described += 1
        self._recordings.brought_up_to_date(made)

    def _orders(self, due: Sequence[WantedRecording], report: MixingReport) -> Iterator[MixOrder]:
        for each in due:
            if each.plan is None:
                continue
            try:
                sealing = self._sealing(each)
            except (KeyMissingError, ConfigurationError) as error:
                self._recordings.failed(each.recording_id, NO_KEY, str(error), None)
                report.failed += 1
                report.failures[NO_KEY] += 1
                continue
            has_splices = len(each.plan.placements) > each.plan.channels
            self._recordings.mixing(each.recording_id, SPLICING if has_splices else MIXING)
            yield MixOrder(
                plan=each.plan,
                description=_told(each),
                recordings_root=self._settings.recordings_folder,
                stream_roots=self._settings.stream_roots,
                sealing=sealing,
            )

    def _sealing(self, each: WantedRecording) -> Sealing:
        """How the file is to be sealed: as its rule says, else as the deployment does."""
        asked = each.plan.parameters.is_encrypted if each.plan is not None else None
        usual = self._settings.recording_encryption or ("gcm" if self._ring is not None else "none")
        method = "none" if asked is False else "gcm" if asked and usual == "none" else usual
        return self._keys.sealing_for(method, each.recording_id, each.tenant_id, self._ring)

    def _note(
        self, each: WantedRecording, outcome: MixOutcome, attempts: int, now: datetime, report: MixingReport
    ) -> None:
        plan = outcome.order.plan
        rendered = outcome.rendered
        if rendered is not None:
            self._recordings.completed(
                plan, rendered, self._details(rendered.metadata_path), self._keep_until(each, plan.start_time)
            )
            report.made += 1
            report.audio_s += plan.duration_ms / 1000
            report.render_s += rendered.render_s
            report.hash_s += rendered.hash_s
            return
        failure = outcome.failure or "FAILED"
        may_pass = outcome.error is None or outcome.error.is_transient
        again = retry_at(attempts, now) if may_pass and attempts < self._settings.mix_attempts else None
        self._recordings.failed(each.recording_id, failure, _sentence(outcome.error, failure), again)
        report.failures[failure] += 1
        if again is None:
            report.failed += 1
        else:
            report.put_off += 1

    def _details(self, metadata_path: str) -> Mapping[str, object]:
        path = self._settings.recordings_folder / metadata_path
        try:
            details: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # the file is the original; the copy in the table is a convenience
        return details

    def _keep_until(self, each: WantedRecording, start: datetime) -> datetime:
        asked = each.plan.parameters.retention_days if each.plan is not None else None
        return start + timedelta(days=asked or self._settings.recording_retention_days)

    @staticmethod
    def _count_idle(report: MixingReport, state: RecordedState | None) -> None:
        if state is not None and state.state == COMPLETED:
            report.already += 1
        elif state is not None and state.state == FAILED:
            report.failed += 1
        else:
            report.waiting += 1


def _told(each: WantedRecording) -> dict[str, object]:
    return {**each.description, "ruleId": each.rule_id, "ruleVersion": each.rule_version}


def _is_made(each: WantedRecording, states: Mapping[str, RecordedState]) -> bool:
    state = states.get(each.recording_id)
    return each.plan is not None and state is not None and state.state == COMPLETED


def _is_due(state: RecordedState | None, now: datetime, *, retry_failed: bool) -> bool:
    if state is None or state.state == COMPLETED:
        return False
    if state.state == FAILED:
        return retry_failed
    return state.next_attempt_at is None or state.next_attempt_at <= now


def _sentence(error: CxError | None, failure: str) -> str:
    return str(error) if error is not None else f"the process that mixed it ended: {failure}"
