"""A switch that runs the scripts: FreeSWITCH's objects are fakes written in Lua, the files are real."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[2] / "lua"
VERSIONS = ("lua51", "lua52", "lua53")
START_MS = 1780912800123
"""2026-06-08T10:00:00.123Z."""
CHANNEL = "8505b93e-009e-47e8-be46-1ed665efdb0d"
SIBLING = "1c1d8b2e-5a00-4a6b-9f57-2d9b8f6e0a11"

Answer = Callable[[str, str], tuple[int | None, str | None, int]]
"""Status, body and milliseconds, for a URL and a body. No status: no answer."""


def runtime(version: str) -> Any:
    """A Lua of this version, in which texts are bytes: each character is one."""
    return importlib.import_module(f"lupa.{version}").LuaRuntime(encoding="latin-1", register_eval=False)


def to_lua(text: str | bytes) -> str:
    """A text, or any bytes, as Lua holds it."""
    return (text.encode() if isinstance(text, str) else text).decode("latin-1")


def recorded(_url: str, _body: str) -> tuple[int | None, str | None, int]:
    """A gateway that takes everything, and wants everything recorded."""
    return 200, '{"record":true}', 5


def gone(_url: str, _body: str) -> tuple[int | None, str | None, int]:
    """A gateway that is not there."""
    return None, None, 0


@dataclass
class Switch:
    """FreeSWITCH with our scripts. `streams` and the other folders are real, and below one temporary folder."""

    version: str
    folder: Path
    answer: Answer = recorded
    settings: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.lua = runtime(self.version)
        self.streams, self.bridges = self.folder / "streams", self.folder / "wav"
        self.queue, self.audit = self.folder / "queue", self.folder / "audit"
        for folder in (self.queue, self.audit):
            folder.mkdir()
        told = {
            "streams": f'"{self.streams}"',
            "bridges": f'"{self.bridges}"',
            "queue_folder": f'"{self.queue}"',
            "audit_folder": f'"{self.audit}"',
            "gateway_url": '"http://gateway.example:9900/"',
            "voice_connector_url": '"http://connector.example:8080"',
            "recorder_id": '"recorder-1"',
            **self.settings,
        }
        self.settings_path = self.folder / "cx_settings.lua"
        lines = "".join(f"  {name} = {value},\n" for name, value in told.items())
        self.settings_path.write_text(f"return {{\n{lines}}}\n")
        path = f"package.path = '{SCRIPTS}/?.lua;{SCRIPTS}/spec/?.lua;' .. package.path"
        self.lua.execute(path)
        self.fake = self.lua.require("fake_freeswitch")
        # The newer Luas give a module's place as a second value.
        self.fake = self.fake[0] if isinstance(self.fake, tuple) else self.fake
        self.world = self.fake.world(
            self.lua.table_from(
                {
                    "clock_ms": START_MS,
                    "missing": self.lua.table_from(dict.fromkeys(self.missing, True)),
                    "globals": self.lua.table_from(
                        {
                            "script_dir": str(SCRIPTS),
                            "hostname": "switch-1",
                            "cx_settings": str(self.settings_path),
                        }
                    ),
                }
            )
        )
        self.world.answer = self.lua.eval(
            "function(python) return function(url, body, timeout_s)"
            " local got = python(url, body, timeout_s) return got[0], got[1], got[2] end end"
        )(lambda url, body, _timeout_s: self.answer(url, body))
        self.world.mkdir = lambda path: Path(path).mkdir(parents=True, exist_ok=True)

    def channel(self, variables: Mapping[str, str | bytes] | None = None, uuid: str = CHANNEL) -> None:
        """A channel with these variables."""
        texts = {name: to_lua(value) for name, value in (variables or {}).items()}
        self.world.variables[uuid] = self.lua.table_from({"uuid": uuid, **texts})

    def run(self, script: str, uuid: str | None = CHANNEL, argv: tuple[str, ...] = (), **how: Any) -> str:
        """Run an entry script; what it wrote to its stream."""
        options: dict[str, Any] = {"argv": self.lua.table_from([to_lua(text) for text in argv])}
        if uuid is not None:
            options["uuid"] = uuid
        for name, values in how.items():
            options[name] = self.lua.table_from({key: to_lua(value) for key, value in values.items()})
        return str(self.fake.run(self.world, script, self.lua.table_from(options)))

    def variable(self, name: str, uuid: str = CHANNEL) -> str | None:
        return dict(self.world.variables[uuid].items()).get(name)

    def executed(self, application: str) -> list[str]:
        """Data of each time an application was executed."""
        return [pair[2] for pair in self.world.executed.values() if pair[1] == application]

    def commands(self, name: str) -> list[str]:
        return [pair[2] for pair in self.world.commands.values() if pair[1] == name]

    @property
    def log(self) -> str:
        return "".join(self.world.log.values())

    def requests(self, path: str) -> list[dict[str, Any]]:
        """Bodies of the requests to a path, with `_` for how they were made."""
        found = [item for item in self.world.requests.values() if item.url.endswith(path)]
        return [{**json.loads(to_bytes(item.body)), "_": item} for item in found]

    def files(self, pattern: str) -> list[Path]:
        return sorted(self.streams.rglob(pattern))

    def manifest(self, pattern: str = "*.json") -> dict[str, Any]:
        """The only manifest there is."""
        (path,) = self.files(pattern)
        return dict(json.loads(path.read_bytes()))


def to_bytes(text: str) -> bytes:
    return text.encode("latin-1")


def from_header(side: str = "near", refci: str = "38960750", **more: str) -> str:
    """Parameters of the From header of a forked stream."""
    told = {
        "x-refci": refci,
        "x-nearendclusterid": "c1",
        "x-nearenddevice": "SEP001122334455",
        "x-nearendaddr": "1005",
        "x-farendrefci": "38960749",
        "x-farendclusterid": "c1",
        "x-farenddevice": "SEP665544332211",
        "x-farendaddr": "+18005550199",
        **more,
    }
    return f"x-{side}end;" + ";".join(f"{name}={value}" for name, value in told.items())
