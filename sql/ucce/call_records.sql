-- Records of UCCE 12.5 and later that ended from :ended_from until before :ended_to (UTC): one row for each row of
-- Termination_Call_Detail that has an agent or an extension, with the agent's name. Rows that have neither are of
-- route points and of the IVR: no leg is theirs.
--
-- The end in UTC has no index, DateTime (local to the central controller) has one: :wide_from and :wide_to are the
-- same span, 16 hours wider on either side, so that it holds every local time of it. Rows from before an upgrade to
-- 12.5 have no end in UTC: those of the wide span are returned, and kept or left by DateTime and TimeZone.
-- Speaks to SQL Server and PostgreSQL.
SELECT
    tcd.RecoveryKey,
    tcd.DateTime,
    tcd.TimeZone,
    tcd.StartDateTimeUTC,
    tcd.CallTerminatedDateTimeUTC,
    tcd.PeripheralID,
    tcd.PeripheralCallKey,
    tcd.PeripheralCallType,
    tcd.RouterCallKeyDay,
    tcd.RouterCallKey,
    tcd.RouterCallKeySequenceNumber,
    tcd.ANI,
    tcd.DNIS,
    tcd.DigitsDialed,
    tcd.InstrumentPortNumber,
    tcd.AgentSkillTargetID,
    tcd.AgentPeripheralNumber,
    a.EnterpriseName AS AgentName,
    tcd.SkillGroupSkillTargetID,
    tcd.ServiceSkillTargetID,
    tcd.NetworkTargetID,
    tcd.CallTypeID,
    tcd.CallDisposition,
    tcd.CallDispositionFlag,
    tcd.WrapupData,
    tcd.NetQTime,
    tcd.LocalQTime,
    tcd.RingTime,
    tcd.DelayTime,
    tcd.HoldTime,
    tcd.TalkTime,
    tcd.WorkTime,
    tcd.Duration,
    tcd.Variable1,
    tcd.Variable2,
    tcd.Variable3,
    tcd.Variable4,
    tcd.Variable5,
    tcd.Variable6,
    tcd.Variable7,
    tcd.Variable8,
    tcd.Variable9,
    tcd.Variable10
FROM Termination_Call_Detail tcd
LEFT JOIN Agent a ON a.SkillTargetID = tcd.AgentSkillTargetID
WHERE tcd.DateTime >= :wide_from
    AND tcd.DateTime < :wide_to
    AND (
        tcd.CallTerminatedDateTimeUTC IS NULL
        OR (tcd.CallTerminatedDateTimeUTC >= :ended_from AND tcd.CallTerminatedDateTimeUTC < :ended_to)
    )
    AND (tcd.AgentSkillTargetID IS NOT NULL OR tcd.InstrumentPortNumber IS NOT NULL)
