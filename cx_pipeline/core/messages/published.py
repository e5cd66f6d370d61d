"""The bodies that CX's published object model shapes otherwise than the guide."""

from typing import Literal

from pydantic import Field

from cx_pipeline.core.messages.models import FactDetail
from cx_pipeline.core.messages.parts import Part, Text

CATEGORY = "CISCO"
"""Category of a wrap-up that an agent chose at Cisco's desktop, which knows no categories."""


class WrapUpValue(Part):
    """One wrap-up that an agent chose."""

    category_name: Text
    value: Text


class PublishedWrapUp(Part):
    """Body of WRAPUP: a list of wrap-ups, empty where an earlier one is taken back.

    `call_id`, `leg` and `additional_detail` are not in the published model: without them nobody knows what it is of.
    """

    type: Literal["WRAPUP"] = "WRAPUP"
    call_id: Text
    leg: Text
    note: Text | None = None
    wrapups: tuple[WrapUpValue, ...]
    additional_detail: FactDetail


class VoiceRecordingDetails(Part):
    """What is known of a voice recording beside its address."""

    leg_id: Text
    duration_seconds: float | None = Field(default=None, ge=0)
    file_size: int | None = Field(default=None, ge=0)
    recording_id: Text | None = None


class ScreenRecordingDetails(Part):
    """What is known of a screen recording beside its address."""

    leg_id: Text
    duration_seconds: float | None = Field(default=None, ge=0)
    resolution: Text | None = None


class _Url(Part):
    type: Literal["URL"] = "URL"
    media_url: Text


class VoiceRecordingUrl(_Url):
    """Body of VOICE_RECORDING."""

    additional_details: VoiceRecordingDetails


class ScreenRecordingUrl(_Url):
    """Body of SCREEN_RECORDING."""

    additional_details: ScreenRecordingDetails
