"""What goes wrong with the files of one talk: drawn for the talk, so that other talks are not moved by it."""

from dataclasses import replace
from random import Random

from cx_pipeline.simulator.audio.orders import FileOrder
from cx_pipeline.simulator.audio.plan import AudioTrouble

MISSING_SIDE = "MISSING_SIDE"
MISSING_MANIFEST = "MISSING_MANIFEST"
DIED = "DIED"
UNFINISHED_HEADER = "UNFINISHED_HEADER"
EMPTY = "EMPTY"
MISSING_FILE = "MISSING_FILE"
OVERLAP = "OVERLAP"
RESTART = "RESTART"

LOSES_ALL = frozenset({MISSING_SIDE, MISSING_MANIFEST, EMPTY, MISSING_FILE})
"""Faults after which nothing of the file can be had."""
UNFINISHED = frozenset({DIED, UNFINISHED_HEADER})
"""Faults after which the header says that the file holds nothing."""

SECOND = 1_000_000
LONG_ENOUGH = 20 * SECOND
"""What is shorter is neither restarted, nor masked, nor recorded twice."""


def with_faults(pair: list[FileOrder], draw: Random, trouble: AudioTrouble) -> list[FileOrder]:
    """The files of one talk, with what goes wrong."""
    is_long = min(file.end - file.start for file in pair) >= LONG_ENOUGH
    if is_long and draw.random() < trouble.mask:
        begin = _moment(pair, draw, 0.1, 0.5)
        span = (begin, begin + draw.randint(2, 8) * SECOND)
        pair = [replace(file, masks=(span,)) for file in pair]
    # A second file is begun for dialogs of a phone; gateways and the switch have one for the whole call.
    may_begin_again = is_long and len(pair) > 1
    if may_begin_again and draw.random() < trouble.restart:
        pair = _restarted(pair, draw)
    elif may_begin_again and draw.random() < trouble.overlap:
        pair = _overlapping(pair, draw)
    victim = draw.randrange(len(pair))
    fault = _drawn(draw, trouble, is_pair=len(pair) > 1)
    if fault is not None:
        pair[victim] = _broken(pair[victim], fault, draw)
    return pair


def _drawn(draw: Random, trouble: AudioTrouble, *, is_pair: bool) -> str | None:
    chances = (
        (MISSING_SIDE, trouble.missing_side if is_pair else 0.0),
        (MISSING_MANIFEST, trouble.missing_manifest),
        (DIED, trouble.died),
        (UNFINISHED_HEADER, trouble.unfinished_header),
        (EMPTY, trouble.empty),
        (MISSING_FILE, trouble.missing_file),
    )
    number = draw.random()
    for fault, chance in chances:
        number -= chance
        if number < 0:
            return fault
    return None


def _broken(file: FileOrder, fault: str, draw: Random) -> FileOrder:
    if fault == DIED:
        talk = min(stretch.start for stretch in file.stretches)
        last = talk + round((file.end - talk) * draw.uniform(0.5, 0.95))
        return file.cut(file.start, last).with_fault(DIED)
    return file.with_fault(fault)


def _moment(files: list[FileOrder], draw: Random, least: float, most: float) -> int:
    start = max(file.start for file in files)
    end = min(file.end for file in files)
    return start + round((end - start) * draw.uniform(least, most))


def _restarted(pair: list[FileOrder], draw: Random) -> list[FileOrder]:
    """Both files end at once, as a recorder leaves them that is killed, and new ones begin a little later."""
    last = _moment(pair, draw, 0.3, 0.7)
    again = last + draw.randint(1000, 5000) * 1000
    first = [file.cut(file.start, last).with_fault(RESTART, DIED) for file in pair]
    return first + [file.cut(again, file.end).with_fault(RESTART) for file in pair]


def _overlapping(pair: list[FileOrder], draw: Random) -> list[FileOrder]:
    """One side goes on into a second file before the first one is closed."""
    number = draw.randrange(len(pair))
    begins = _moment(pair, draw, 0.3, 0.7)
    closes = begins + draw.randint(300, 2000) * 1000
    file = pair[number]
    parts = [file.cut(file.start, closes).with_fault(OVERLAP), file.cut(begins, file.end).with_fault(OVERLAP)]
    return [*pair[:number], *parts, *pair[number + 1 :]]
