"""The page of one recording: its picture, its player, who was there, and what else belongs to the call."""

from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cx_pipeline.adapters.database.recorded_calls import RecordedCall, Row
from cx_pipeline.adapters.playback.source import Playable
from cx_pipeline.core.linking.signing import screen_path
from cx_pipeline.gateway.access.principal import RECORDINGS_DOWNLOAD, RECORDINGS_PLAY, Principal
from cx_pipeline.gateway.pages import wording
from cx_pipeline.gateway.pages.marks import LEGEND
from cx_pipeline.gateway.pages.peaks import PEAKS_VIEW
from cx_pipeline.gateway.pages.recording_view import recording_view
from cx_pipeline.gateway.pages.service import PagesService
from cx_pipeline.gateway.pages.templates import HEADERS
from cx_pipeline.gateway.problems import not_found


async def recording_page(
    request: Request, principal: Principal, playable: Playable, audio_url: str
) -> HTMLResponse:
    """The page of something that can be played.

    Args:
        request: its `app.state.pages` makes the page.
        principal: who was let in.
        playable: what is played.
        audio_url: where this page's player finds it: encoded, on this origin, with a signature if there is one.

    Raises:
        Problem: 404 for another tenant's.
        DatabaseUnavailableError: what is known of the call cannot be read now.
    """
    if not principal.sees(playable.tenant_id):
        raise not_found()
    pages: PagesService = request.app.state.pages
    return await run_in_threadpool(_page, pages, principal, playable, audio_url)


def _page(pages: PagesService, principal: Principal, playable: Playable, audio_url: str) -> HTMLResponse:
    call = pages.recorded.of(playable.playable_id, playable.leg_id, playable.tenant_id)
    view = recording_view(playable, call)
    may_play = principal.may(RECORDINGS_PLAY)
    text = pages.templates.page(
        "recording.html",
        principal,
        view=view,
        audio_url=audio_url,
        media_type=playable.media_type,
        may_play=may_play,
        download_url=_download_url(principal, call),
        file_name=playable.file_name,
        legend=[(kind, text) for kind, text in LEGEND.items() if any(m.kind == kind for m in view.marks)],
        other_legs=_other_legs(principal, call),
        versions=_versions(call),
        conversations=sorted({link["conversation_id"] for link in call.links if link["conversation_id"]}),
        screens=_screens(principal, call) if may_play else [],
        data={**view.data(), "peaksUrl": with_view(audio_url), "mediaType": playable.media_type},
    )
    return HTMLResponse(text, headers=HEADERS)


def with_view(audio_url: str) -> str:
    """The address of the picture of what is played at another."""
    return f"{audio_url}{'&' if '?' in audio_url else '?'}{urlencode({'view': PEAKS_VIEW})}"


def _download_url(principal: Principal, call: RecordedCall) -> str | None:
    if call.recording is None or not principal.may(RECORDINGS_DOWNLOAD):
        return None
    return f"/mixer/recordings/{quote(call.recording['recording_id'], safe='')}/download"


def _recording_url(principal: Principal, recording_id: str) -> str | None:
    """A signed link opens one recording only; from its page none other is reached."""
    return None if principal.access == "signed" else f"/recordings/{quote(recording_id, safe='')}"


def _other_legs(principal: Principal, call: RecordedCall) -> list[dict[str, Any]]:
    """The call's legs that are not heard here, each with its recording if there is one."""
    found = []
    for leg in call.legs:
        if leg["leg_id"] in call.offsets_ms or leg["is_artefact"]:
            continue
        recording_id = _recording_of(leg, call)
        found.append(
            {
                "leg": leg,
                "who": leg["agent_name"] or f"Extension {leg['agent_extension'] or 'unknown'}",
                "type": wording.CALL_TYPES.get(leg["call_type"] or "", leg["call_type"]),
                "is_recorded": recording_id is not None,
                "url": _recording_url(principal, recording_id) if recording_id is not None else None,
            }
        )
    return found


def _recording_of(leg: Row, call: RecordedCall) -> str | None:
    for other in call.others:
        if other["is_current"] and leg["leg_id"] in _legs_of(other, call):
            return str(other["recording_id"])
    return None


def _versions(call: RecordedCall) -> list[Row]:
    """Earlier recordings of the same talk, which this one replaced, the newest first."""
    found = [
        other
        for other in call.others
        if not other["is_current"] and call.offsets_ms.keys() & _legs_of(other, call)
    ]
    return sorted(found, key=lambda each: str(each["completed_at"]), reverse=True)


def _legs_of(other: Row, call: RecordedCall) -> set[str]:
    return {other["leg_id"], *call.leg_ids_of_others.get(other["recording_id"], ())} - {None}


def _screens(principal: Principal, call: RecordedCall) -> list[dict[str, Any]]:
    """Screen recordings by the keys of their legs. A signature is of one address only, and not of theirs."""
    if principal.access == "signed":
        return []
    keys = {leg["leg_id"]: leg["leg_key"] for leg in call.legs}
    return [
        {"url": quote(screen_path(keys[screen["leg_id"]]), safe="/:@"), "start_time": screen["start_time"]}
        for screen in call.screens
        if screen["leg_id"] in keys
    ]
