-- Calls of FusionPBX that ended from :ended_from until before :ended_to (seconds since 1970), and have a file.
--
-- A row is one channel: both channels of a bridged call may name the same file. FusionPBX writes a row when its channel
-- has hung up, so rows come in about the order of their ends. Speaks to PostgreSQL.
SELECT
    CAST(cdr.xml_cdr_uuid AS text) AS xml_cdr_uuid,
    cdr.domain_name,
    cdr.direction,
    cdr.caller_id_number,
    cdr.caller_destination,
    cdr.destination_number,
    CAST(cdr.start_epoch AS bigint) AS start_epoch,
    CAST(cdr.answer_epoch AS bigint) AS answer_epoch,
    CAST(cdr.end_epoch AS bigint) AS end_epoch,
    cdr.record_path,
    cdr.record_name,
    cdr.leg,
    cdr.hangup_cause
FROM v_xml_cdr AS cdr
WHERE cdr.end_epoch >= :ended_from
  AND cdr.end_epoch < :ended_to
  AND cdr.record_name <> ''
ORDER BY cdr.end_epoch, cdr.xml_cdr_uuid
