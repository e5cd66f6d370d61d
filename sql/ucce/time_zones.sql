-- The zones of the records around a span of time, for releases before 12.5: one row for each TimeZone (minutes), with
-- the last end (local time of that zone) and the last start (UTC) of its records. The two tell whether TimeZone is to
-- be added to local time or to be taken from it, should a release mean it the other way round.
-- :wide_from and :wide_to are the span, 16 hours wider on either side. Speaks to SQL Server and PostgreSQL.
SELECT
    COALESCE(tcd.TimeZone, 0) AS ZoneMinutes,
    MAX(tcd.DateTime) AS LastEnd,
    MAX(tcd.StartDateTimeUTC) AS LastStartUTC
FROM Termination_Call_Detail tcd
WHERE tcd.DateTime >= :wide_from
    AND tcd.DateTime < :wide_to
GROUP BY COALESCE(tcd.TimeZone, 0)
