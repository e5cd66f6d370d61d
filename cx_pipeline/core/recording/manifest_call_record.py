"""A call detail record of FusionPBX (`v_xml_cdr`) as a manifest: files of EFSwitch have no other."""

from collections.abc import Mapping

from cx_pipeline.core.enrichment.rules import ANY_TENANT
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.recording.manifest import Manifest, ManifestRefusedError, read_manifest
from cx_pipeline.core.recording.schema import BOTH, EFSWITCH, FROM_XML_CDR


def read_call_record(row: Mapping[str, object], tenants: Mapping[str, str]) -> Manifest:
    """What a record tells of its file, without its id (`identified` gives it).

    The file begins when the call was answered: FreeSWITCH records from there. Which agent it was is told by the
    file's name only; the record has numbers.

    Args:
        row: columns of `sql/fusionpbx/call_recordings.sql`.
        tenants: tenant by domain name, `*` for all others. Empty: there is one tenant.

    Raises:
        ManifestRefusedError: it cannot be used, or its domain is nobody's.
    """
    record_path, record_name = str(row.get("record_path") or ""), str(row.get("record_name") or "")
    payload: dict[str, object] = {
        "tenant_id": _tenant_of(row.get("domain_name"), tenants),
        "recording_type": EFSWITCH,
        "side": BOTH,
        "call_id": row.get("xml_cdr_uuid"),
        "channel_uuid": row.get("xml_cdr_uuid"),
        "direction": row.get("direction"),
        "calling_number": row.get("caller_id_number"),
        "called_number": row.get("caller_destination") or row.get("destination_number"),
        "start_time": row.get("answer_epoch") or row.get("start_epoch"),
        "end_time": row.get("end_epoch"),
        "completion_cause": row.get("hangup_cause"),
        "file_path": f"{record_path.rstrip('/')}/{record_name}" if record_path else record_name,
    }
    return read_manifest(payload, source=FROM_XML_CDR)


def _tenant_of(domain: object, tenants: Mapping[str, str]) -> str:
    if not tenants:
        return DEFAULT_TENANT
    tenant = tenants.get(str(domain)) or tenants.get(ANY_TENANT)
    if tenant is None:
        raise ManifestRefusedError(f"UNKNOWN_TENANT: the domain {str(domain)[:200]!r} is no tenant's")
    return tenant
