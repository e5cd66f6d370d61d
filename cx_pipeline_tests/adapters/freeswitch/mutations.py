"""Mutated WAV headers and manifests, read in a process of their own that tells what it opened and how much it took.

Run as `python -m cx_pipeline_tests.adapters.freeswitch.mutations ROOT COUNT SEED`; writes one JSON object.
"""

import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cx_pipeline.adapters.freeswitch.manifest_files import Refusal, read_manifest_file
from cx_pipeline.adapters.freeswitch.probing import with_files
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.adapters.freeswitch.stream_files import probe
from cx_pipeline.core.recording.manifest import decode_manifest, identified
from cx_pipeline_tests.adapters.audio.wav_files import ENCODINGS, Wav, chunk, rf64
from cx_pipeline_tests.adapters.freeswitch.recorder import payload

_BATCH = 200
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_HOSTILE = (
    "../secret.wav",
    "link.wav",
    "out/secret.wav",
    "pipe.wav",
    "folder",
    "",
    "a\0b",
    "x" * 300,
    "\ud800",
    "..",
)
_ABSOLUTE = (
    "/etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "/proc/self/fd/0",
    "//",
    "/",
    "/proc/self/cwd/x",
)


class Watcher:
    """Sees every opening of a file: what is read must lie below the root."""

    def __init__(self, root: str) -> None:
        self._root, self.outside, self._is_on = root, [], False  # type: tuple[str, list[str], bool]
        sys.addaudithook(self._heard)

    def __enter__(self) -> "Watcher":
        self._is_on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_on = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not self._is_on or not isinstance(arguments[0], str | bytes):
            return
        path, flags = os.fsdecode(arguments[0]), arguments[2]
        if flags & os.O_PATH:  # looked at, not read
            return
        self._is_on = False
        if not f"{os.path.realpath(path)}/".startswith(f"{self._root}/"):
            self.outside.append(path)
        self._is_on = True


def mutated_wav(chance: random.Random) -> tuple[bytes, int | None]:
    """A file, and how many frames must come back where only its header is unfinished."""
    wav = Wav(
        chance.choice(list(ENCODINGS)),
        chance.choice((1, 2)),
        chance.choice((8000, 16000, 44100)),
        chance.choice((0, 1, 7, 400)),
        is_extensible=chance.random() < 0.3,
        before=(chunk(b"LIST", os.urandom(chance.randrange(9))),) * chance.randrange(3),
    )
    kind = chance.randrange(6)
    if kind == 0:  # only the lengths are wrong, as a crash leaves them
        told = chance.choice((0, 0xFFFFFFFF, 0x7FFFFFFF, len(wav.audio) + chance.randrange(1, 10_000)))
        unfinished = Wav(
            wav.encoding,
            wav.channels,
            wav.rate,
            wav.frames,
            wav.is_extensible,
            wav.before,
            told_data=told,
            told_riff=chance.choice((0, 36, 0xFFFFFFFF)),
        )
        cut = unfinished.data_offset + chance.randrange(len(wav.audio) + 1)
        return unfinished.content()[:cut], (cut - unfinished.data_offset) // wav.frame_bytes
    content = bytearray(rf64(wav, told=chance.choice((None, 0, 2**63))) if kind == 1 else wav.content())
    head = min(len(content), wav.data_offset + 16)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(head)
        if kind == 2:
            content[place] = chance.randrange(256)
        else:
            size = chance.choice((1, 2, 4))
            value = chance.choice(_INTERESTING) & (1 << 8 * size) - 1
            content[place : place + size] = value.to_bytes(size, "little")
    if kind == 4:
        del content[chance.randrange(len(content) + 1) :]
    if kind == 5:
        place = chance.randrange(head)
        content[place:place] = os.urandom(chance.randrange(64))
    return bytes(content), None


def any_value(chance: random.Random, depth: int = 0) -> object:
    kind = chance.randrange(12)
    if kind == 0 and depth < 5:
        return [any_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 1 and depth < 5:
        return {"from": any_value(chance, depth + 1), "to": any_value(chance, depth + 1)}
    return chance.choice(
        (
            None,
            True,
            -1,
            0,
            1e308,
            10**300,
            float("nan"),
            "",
            "2026-06-08T10:00:00Z",
            "x" * chance.choice((10, 5000)),
            "\0\n\ud800'\";",
            chance.choice(_ABSOLUTE),
        )
    )


def mutated_manifest(chance: random.Random, root: str) -> bytes:
    place = chance.choice(_ABSOLUTE) if chance.random() < 0.3 else f"{root}/{chance.choice(_HOSTILE)}"
    told: dict[str, Any] = payload(f"{root}/good.wav" if chance.random() < 0.3 else place)
    kind = chance.randrange(6)
    if kind == 0:
        told["file_path"] = chance.choice(_HOSTILE)
    elif kind == 1:
        for _ in range(chance.randrange(1, 4)):
            told[chance.choice([*told, "masked", "file_size", "sample_rate"])] = any_value(chance)
    elif kind == 2 and chance.random() < 0.02:
        told["calling_number"] = "9" * 10 * 1024 * 1024
    elif kind == 3 and chance.random() < 0.02:
        return b'{"masked":' + b"[" * 500_000
    content = bytearray(json.dumps(told).encode())
    if kind >= 4:
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    if kind == 5:
        del content[chance.randrange(len(content)) :]
    return bytes(content)


def read_wavs(root: Path, count: int, chance: random.Random, watcher: Watcher, seen: Counter[str]) -> None:
    file = root / "mutated.wav"
    for _ in range(count):
        content, wanted = mutated_wav(chance)
        file.write_bytes(content)
        with watcher:
            facts = probe(file, [root])
        seen[facts.file_problem or "usable"] += 1
        if facts.frames is not None and facts.data_offset_bytes is not None:
            assert facts.channels is not None
            assert (
                0 <= facts.frames * facts.channels <= len(content) - facts.data_offset_bytes
                or facts.frames == 0
            )
        if wanted is not None:
            assert (facts.frames or 0) == wanted, (content[:200], facts, wanted)
            seen["unfinished, all frames back"] += 1


def read_manifests(
    root: Path, count: int, chance: random.Random, watcher: Watcher, seen: Counter[str]
) -> None:
    watch, file, read = StorageWatch(), root / "mutated.json", []  # type: tuple[StorageWatch, Path, list[Manifest]]
    for number in range(count):
        file.write_bytes(mutated_manifest(chance, str(root)))
        with watcher:
            told = read_manifest_file(str(file), [root])
        if isinstance(told, Refusal):
            seen[told.reason.partition(":")[0]] += 1
            assert len(told.reason) < 400
            assert len(told.text) <= 4096
        elif told is not None:
            read.append(told)
        if len(read) == _BATCH or number == count - 1:
            with watcher:
                found = with_files(identified(read), [root], watch)
            for path, problem in found.select("file_path", "file_problem").iter_rows():
                seen[problem or "usable"] += 1
                assert problem is not None or path.startswith(f"{root}/"), path
            read.clear()


def main(root: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    decode_manifest(b"{}")  # Python looks for the codec now, and not while it is watched
    root.mkdir(exist_ok=True)
    (root / "good.wav").write_bytes(Wav().content())
    (root.parent / "secret.wav").write_bytes(Wav().content())
    (root / "link.wav").symlink_to(root.parent / "secret.wav")
    (root / "out").symlink_to(root.parent)
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe.wav")
    watcher, wavs, manifests = Watcher(os.path.realpath(root)), Counter[str](), Counter[str]()
    read_wavs(root, count // 2, chance, watcher, wavs)
    read_manifests(root, count - count // 2, chance, watcher, manifests)
    told = {"wavs": wavs, "manifests": manifests, "outside": watcher.outside, "peak_mb": peak_mb()}
    sys.stdout.write(json.dumps(told))


def peak_mb() -> int:
    """Of this program alone: what `getrusage` says begins with the size of whoever started it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
