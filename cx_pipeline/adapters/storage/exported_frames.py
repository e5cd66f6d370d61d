"""Frames as files that people and other programs read: Parquet, NDJSON or CSV by the name's suffix, whole or not there."""

import os
import tempfile
from pathlib import Path

import polars as pl

from cx_pipeline.core.errors import ConfigurationError

EXPORT_SUFFIXES = (".parquet", ".ndjson", ".csv")
RFC_3339 = "%Y-%m-%dT%H:%M:%S%.6fZ"
_WRAPPER = "v"


def require_export_suffix(path: Path) -> None:
    """Refuse a name from which no format can be told.

    Raises:
        ConfigurationError: the suffix is none of `EXPORT_SUFFIXES`.
    """
    if path.suffix.lower() not in EXPORT_SUFFIXES:
        raise ConfigurationError(f"{path}: name the file *{', *'.join(EXPORT_SUFFIXES)}")


def export_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write the frame in the format of the suffix. Times in text are RFC 3339; lists and structs in CSV are JSON text.

    The file is written under a temporary name beside it and renamed: a reader sees the old one or the new one.

    Raises:
        ConfigurationError: the suffix is not known, or the file cannot be written.
    """
    require_export_suffix(path)
    try:
        _write_whole(frame, path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def write_text_whole(text: str, path: Path) -> None:
    """Write a text file under a temporary name and rename it.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    try:
        part = _temporary(path)
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            _publish(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def times_as_text(expression: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The expression with every time in it, however deep, as RFC 3339 text."""
    if isinstance(dtype, pl.Datetime):
        return expression.dt.strftime(RFC_3339)
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return expression.list.eval(times_as_text(pl.element(), inner)) if _has_time(inner) else expression  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct) and _has_time(dtype):
        fields = [
            times_as_text(expression.struct.field(field.name), field.dtype).alias(field.name)  # type: ignore[arg-type]
            for field in dtype.fields
        ]
        return pl.when(expression.is_not_null()).then(pl.struct(fields))
    return expression


def _has_time(dtype: object) -> bool:
    if isinstance(dtype, pl.List):
        return _has_time(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return any(_has_time(field.dtype) for field in dtype.fields)
    return isinstance(dtype, pl.Datetime)


def _write_whole(frame: pl.DataFrame, path: Path) -> None:
    part = _temporary(path)
    try:
        if path.suffix.lower() == ".parquet":
            frame.write_parquet(part, compression="zstd", compression_level=1)
        else:
            text = frame.select(
                times_as_text(pl.col(name), dtype).alias(name) for name, dtype in frame.schema.items()
            )
            if path.suffix.lower() == ".csv":
                _flat(text).write_csv(part)
            else:
                text.write_ndjson(part)
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structs as JSON text: CSV has none."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.when(pl.col(name).is_not_null())
        .then(
            pl.struct(pl.col(name).alias(_WRAPPER))
            .struct.json_encode()
            .str.strip_prefix(f'{{"{_WRAPPER}":')
            .str.strip_suffix("}")
        )
        .alias(name)
        for name in nested
    )


def _temporary(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    os.close(handle)
    return Path(name)


def _publish(part: Path, path: Path) -> None:
    mask = os.umask(0o022)
    os.umask(mask)
    part.chmod(0o666 & ~mask)  # a temporary file is its owner's alone
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(path)
