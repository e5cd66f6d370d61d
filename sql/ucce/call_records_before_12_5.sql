-- Records of UCCE before 12.5, which has no end in UTC: one row for each row of Termination_Call_Detail whose DateTime
-- lies from :local_from until before :local_to, of those whose TimeZone is :time_zone and that have an agent or an
-- extension; with the agent's name.
--
-- Asked once for each zone that time_zones.sql returns, with the span in the local time of that zone: exact, by the
-- index on DateTime, and without arithmetic on dates, which is written differently in each database.
-- Speaks to SQL Server and PostgreSQL.
SELECT
    tcd.RecoveryKey,
    tcd.DateTime,
    tcd.TimeZone,
    tcd.StartDateTimeUTC,
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
WHERE tcd.DateTime >= :local_from
    AND tcd.DateTime < :local_to
    AND COALESCE(tcd.TimeZone, 0) = :time_zone
    AND (tcd.AgentSkillTargetID IS NOT NULL OR tcd.InstrumentPortNumber IS NOT NULL)
