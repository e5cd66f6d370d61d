"""One recording made of one plan: rendered, sealed, hashed, described, published. Doing it twice does it once."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO, cast

from cx_pipeline.adapters.audio.formats import encoder_for
from cx_pipeline.adapters.audio.reading import AudioInputs
from cx_pipeline.adapters.audio.rendering import Rendering
from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.adapters.crypto.sealing import PlaintextWriter, open_reader, open_writer
from cx_pipeline.adapters.storage.recordings import RecordingStore
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.metadata import plan_digest, recording_metadata, rendered_of
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.rendered import RenderedFile

STEPS = (
    "before inputs",
    "before audio",
    "after block",
    "after audio",
    "after audio on disk",
    "after audio published",
    "after description on disk",
    "after description published",
)
"""What `on_step` is called with, in this order; "after block" once for each."""

StepHook = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MixOrder:
    """A recording to be made. It may be handed to a worker process."""

    plan: MixPlan
    description: Mapping[str, Any]
    """Facts of the call for the metadata, by the guide's names (19.5.6); further ones are kept as they are."""
    recordings_root: Path
    stream_roots: tuple[Path, ...]
    """Folders out of which no input is read."""
    sealing: Sealing = field(default_factory=lambda: Sealing("none"))


def make_recording(order: MixOrder, on_step: StepHook | None = None) -> RenderedFile:
    """Make the recording, or find that it is already made.

    The audio is published before its description, so that what has a description of this plan is whole. A recording
    of an older plan with the same id is replaced.

    Args:
        order: what to make.
        on_step: called with each of `STEPS`; for tests.

    Raises:
        InputError: the plan cannot be rendered, or an input is gone or is not the one that was planned.
        StorageUnavailableError: a storage is away or full; nothing stands half made under a final name.
        ConfigurationError: a storage refuses us, or the format does not take this rate or so many channels.
        KeyMissingError: there is no key to seal with.
    """
    return _Making(order, on_step or _no_step).made()


def write_metadata(
    store: RecordingStore, metadata: Mapping[str, Any], on_step: StepHook | None = None
) -> None:
    """Write the description of a recording beside it, whole or not at all.

    Raises:
        StorageUnavailableError: the storage is away or full; the earlier description stands.
        ConfigurationError: it refuses us.
    """
    step = on_step or _no_step
    text = json.dumps(metadata, ensure_ascii=False, indent=2) + "\n"
    with store.part(metadata["file"]["metadataPath"]) as part:
        part.write(text.encode())
        part.force_to_disk()
        step("after description on disk")
        part.publish()
    step("after description published")


class _Making:
    def __init__(self, order: MixOrder, on_step: StepHook) -> None:
        plan = order.plan
        self._order, self._plan, self._step = order, plan, on_step
        self._store = RecordingStore(order.recordings_root)
        self._path = self._store.path_of(
            plan.tenant_id, plan.start_time, plan.recording_id, plan.parameters.format
        )
        self._metadata_path = self._store.metadata_path_of(plan.tenant_id, plan.start_time, plan.recording_id)

    def made(self) -> RenderedFile:
        metadata = self._metadata()
        made = self._already_made(metadata)
        rendered = made or self._rendered()
        wanted = recording_metadata(self._plan, self._order.description, rendered)
        if made is None or metadata != wanted:
            self._describe(wanted)
        return rendered

    def _metadata(self) -> dict[str, Any]:
        """The description that lies there; empty where there is none that can be read."""
        try:
            with self._store.open(self._metadata_path) as file:
                found = json.load(file)
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _already_made(self, metadata: Mapping[str, Any]) -> RenderedFile | None:
        sealing = self._order.sealing
        try:
            rendered = rendered_of(metadata)
        except InputError:
            return None
        is_this = (
            metadata.get("planSha256") == plan_digest(self._plan)
            and rendered.encryption == sealing.method
            and rendered.path == self._path
        )
        if is_this and self._store.holds(
            self._path, rendered.sha256, lambda file: open_reader(file, sealing)
        ):
            return rendered
        return None

    def _rendered(self) -> RenderedFile:
        began = perf_counter()
        self._step("before inputs")
        with AudioInputs(self._plan.inputs, self._order.stream_roots) as inputs:
            input_sha256 = inputs.hash_all()
            input_hash_s = perf_counter() - began
            self._step("before audio")
            with self._store.part(self._path) as part:
                hashing = _HashingWriter(open_writer(cast("BinaryIO", part), self._order.sealing))
                rendering = Rendering(self._plan, inputs)
                self._encode(rendering, hashing)
                inputs.require_unchanged()
                self._step("after audio")
                part.force_to_disk()
                self._step("after audio on disk")
                # Its description is published next: what a power cut leaves of the two is told by the hash.
                part.publish(is_folder_forced=False)
                self._step("after audio published")
        hash_s = input_hash_s + hashing.hash_s
        return RenderedFile(
            path=self._path,
            metadata_path=self._metadata_path,
            size_bytes=part.size_bytes,
            audio_bytes=hashing.size_bytes,
            sha256=hashing.sha256,
            md5=hashing.md5,
            encryption=self._order.sealing.method,
            channels=rendering.figures,
            input_sha256=input_sha256,
            render_s=round(perf_counter() - began - hash_s, 6),
            hash_s=round(hash_s, 6),
            clipped_frames=rendering.clipped_frames,
        )

    def _encode(self, rendering: Rendering, sink: "_HashingWriter") -> None:
        encoder = encoder_for(self._plan, sink)
        try:
            for block in rendering.blocks():
                encoder.write(block)
                self._step("after block")
            encoder.finish()
        finally:
            encoder.discard()
        sink.close()

    def _describe(self, metadata: Mapping[str, Any]) -> None:
        write_metadata(self._store, metadata, self._step)


class _HashingWriter:
    """Hashes what is sealed, and counts the time that it takes."""

    def __init__(self, target: PlaintextWriter) -> None:
        self._target = target
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self.size_bytes = 0
        self.hash_s = 0.0

    def write(self, data: bytes | memoryview, /) -> int:
        began = perf_counter()
        self._sha256.update(data)
        self._md5.update(data)
        self.hash_s += perf_counter() - began
        self.size_bytes += len(data)
        self._target.write(data)
        return len(data)

    def close(self) -> None:
        self._target.close()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()


def _no_step(_: str) -> None:
    """Nobody looks on."""
