"""Nothing of one machine, one network or one person stands in the repository."""

import re

import pytest

from cx_pipeline_tests.architecture.source_tree import REPOSITORY, text_files

ALLOWED_HOSTS = re.compile(
    r"""localhost | 127(\.\d+){3} | 0\.0\.0\.0 | \[::1\] | ([\w-]+\.)*example(\.(com|net|org))? |
        ([\w-]+\.)+(test|invalid|internal|localhost|local) | [\w-]+ |
        www\.apache\.org | www\.w3\.org | keepachangelog\.com | semver\.org
    """,
    re.VERBOSE,
)
"""Hosts that a text may name: loopback, reserved names, single-word names of containers, and a few documents."""

LEAKS = {
    "a path of one machine": re.compile(r"(?<![\w.}])/(?:work|root|opt/pypi|tmp/v|home/\w+|Users/\w+)/[\w.]"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}"),
    "a token": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|xox[abps]-\w{10}|gh[pousr]_\w{30})"),
}
HOST = re.compile(r"\bhttps?://(?:[^\s/@\"'`<>]*@)?([\w.-]*\w|\[::1\])")


def leaks(text: str) -> list[str]:
    """What in `text` belongs to one machine, one network or one person."""
    found = [
        f"{what}: {match.group(0)[:40]}"
        for what, pattern in LEAKS.items()
        for match in pattern.finditer(text)
    ]
    hosts = (match.group(1) for match in HOST.finditer(text))
    return found + [f"a host on the internet: {host}" for host in hosts if not ALLOWED_HOSTS.fullmatch(host)]


def test_no_file_names_a_machine_a_network_or_a_secret() -> None:
    found = {
        file.relative_to(REPOSITORY).as_posix(): leaks(file.read_text(encoding="utf-8", errors="replace"))
        for file in text_files()
    }
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "/".join(["", "work", "main", "x"]),
        "open('" + "/".join(["", "home", "anna", "x"]) + "')",
        "http" + "://packages.acme-company.com/simple",
        "http" + "s://user:word@db.acme-company.com",
        "-----BEGIN RSA PRIVATE" + " KEY-----\n" + "A" * 64,
        "AKIA" + "A" * 16,
    ],
)
def test_a_leak_is_noticed(text: str) -> None:
    assert len(leaks(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:3000/runs", "http://gateway:8080", "https://ccm.example.org/x", "http://[::1]:80/",
        "https://alerts.invalid/hook", "{home}/work/x", "homework/opt/x", "http://{host}:{port}/",
    ],
)  # fmt: skip
def test_reserved_and_local_names_are_no_leak(text: str) -> None:
    assert leaks(text) == []
