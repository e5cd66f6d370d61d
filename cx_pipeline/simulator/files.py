"""Simulated traffic as files: events and true legs by the name's suffix, the directory as YAML."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from cx_pipeline.core.errors import ConfigurationError

RFC_3339 = "%Y-%m-%dT%H:%M:%S%.6fZ"
EVENT_SUFFIXES = (".ndjson", ".csv", ".parquet")
LEG_SUFFIXES = (".ndjson", ".parquet")


def true_legs_path(events: Path) -> Path:
    """Where the true legs lie beside the events: Parquet beside Parquet, else NDJSON (CSV holds no lists)."""
    suffix = ".parquet" if events.suffix == ".parquet" else ".ndjson"
    return events.with_name(f"{events.stem}.legs{suffix}")


def require_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a name from which no format can be told.

    Raises:
        ConfigurationError: the suffix is none of these.
    """
    if path.suffix not in suffixes:
        raise ConfigurationError(f"{path}: name the file *{', *'.join(suffixes)}")


def write_events(events: pl.DataFrame, path: Path) -> None:
    """Write events; times in text files are RFC 3339 with microseconds, and NDJSON leaves empty columns out.

    Raises:
        ConfigurationError: the suffix is not known, or the file cannot be written.
    """
    require_suffix(path, EVENT_SUFFIXES)
    if path.suffix == ".ndjson":
        used = [name for name in events.columns if events[name].null_count() < events.height]
        events = events.select(used)
    _write(events, path)


def write_true_legs(legs: pl.DataFrame, path: Path) -> None:
    """Write true legs as NDJSON or Parquet.

    Raises:
        ConfigurationError: the suffix is not known, or the file cannot be written.
    """
    require_suffix(path, LEG_SUFFIXES)
    _write(legs, path)


def read_true_legs(path: Path) -> pl.DataFrame:
    """True legs from the Parquet file that `write_true_legs` wrote.

    Raises:
        ConfigurationError: there is no such file, or it is no Parquet file.
    """
    require_suffix(path, (".parquet",))
    try:
        return pl.read_parquet(path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        raise ConfigurationError(f"{path} is no Parquet file: {error}") from error


def write_directory(directory: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Write the directory of the simulated site as YAML.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    text = yaml.safe_dump(directory, sort_keys=False, allow_unicode=True)
    _whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def _write(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        _whole(path, lambda part: frame.write_parquet(part, compression="zstd"))
    elif path.suffix == ".csv":
        _whole(path, lambda part: _as_text(frame).write_csv(part))
    else:
        _whole(path, lambda part: _as_text(frame).write_ndjson(part))


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    frame = frame.with_columns(pl.col(times).dt.strftime(RFC_3339)) if times else frame
    nested = [name for name in ("hold_segments", "talks") if name in frame.columns]
    return frame.with_columns(_texts_of(pl.col(name), frame.schema[name]).alias(name) for name in nested)


def _texts_of(value: pl.Expr, dtype: object) -> pl.Expr:
    """The value with its times as text, however deep they lie."""
    if isinstance(dtype, pl.Datetime):
        return value.dt.strftime(RFC_3339)
    if isinstance(dtype, pl.List):
        return value.list.eval(_texts_of(pl.element(), dtype.inner))
    if isinstance(dtype, pl.Struct):
        fields = [
            _texts_of(value.struct.field(field.name), field.dtype).alias(field.name) for field in dtype.fields
        ]
        return pl.struct(fields)
    return value


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            part.chmod(0o666 & ~_umask())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
