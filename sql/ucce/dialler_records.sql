-- What the dialler of Outbound Option wrote from :local_from until before :local_to, in the central controller's local
-- time: one row for each row of Dialer_Detail that has a call key.
--
-- Joined to the call records outside of the database, each to the one row nearest in time that has its call key and
-- its peripheral: the keys are reused, and a join by them alone would multiply records.
-- Speaks to SQL Server and PostgreSQL.
SELECT
    dd.PeripheralID,
    dd.PeripheralCallKey,
    dd.DateTime,
    dd.CallResult,
    dd.LastName,
    dd.FirstName,
    dd.AccountNumber,
    dd.Phone,
    dd.CampaignID,
    dd.DialingListID
FROM Dialer_Detail dd
WHERE dd.DateTime >= :local_from
    AND dd.DateTime < :local_to
    AND dd.PeripheralCallKey IS NOT NULL
