-- Records of UCCX that ended from :ended_from until before :ended_to (UTC): one row for each agent connection, and one
-- for each call leg that has none (consultations, and calls that an agent dialled), with the agent whose it is. A leg
-- that is of no agent, as one abandoned in the queue, is not returned.
--
-- The end of the agent's part is asked for; the call leg's own, which is indexed, narrows it down: :wide_from and
-- :wide_to are the same span, 16 hours wider on either side. Joins are by the tables' full keys, never by contactid
-- alone, which gives every agent of a call every other's row.
-- Columns of ConsultLegDetail, Resource and DialingList are not verified against a live system: only those are asked
-- for that the vendor's schema guide names. Speaks to Informix and PostgreSQL.
SELECT
    ccd.sessionID,
    ccd.sessionSeqNum,
    ccd.nodeID,
    ccd.profileID,
    ccd.contactid,
    ccd.contactType,
    ccd.contactDisposition,
    ccd.originatorType,
    ccd.originatorID,
    ccd.originatorDN,
    ccd.destinationType,
    ccd.destinationID,
    ccd.destinationDN,
    ccd.calledNumber,
    ccd.origCalledNumber,
    ccd.applicationName,
    ccd.startDateTime AS callStartDateTime,
    ccd.endDateTime AS callEndDateTime,
    ccd.connectTime,
    acd.resourceID AS connectionResourceID,
    acd.startDateTime AS connectionStartDateTime,
    acd.endDateTime AS connectionEndDateTime,
    cl.destinationResourceID AS consultedResourceID,
    cl.endDateTime AS consultEndDateTime,
    acd.ringTime,
    acd.talkTime,
    acd.holdTime,
    acd.workTime,
    acd.callWrapupData,
    acd.callResult,
    acd.dialingListID,
    r.resourceID,
    r.resourceName,
    r.extension,
    (SELECT MAX(dl.lastName) FROM DialingList dl WHERE dl.dialingListID = acd.dialingListID) AS diallerLastName,
    (SELECT MAX(dl.firstName) FROM DialingList dl WHERE dl.dialingListID = acd.dialingListID) AS diallerFirstName,
    (SELECT MAX(dl.accountNumber) FROM DialingList dl WHERE dl.dialingListID = acd.dialingListID) AS diallerAccountNumber,
    (SELECT MAX(dl.phone01) FROM DialingList dl WHERE dl.dialingListID = acd.dialingListID) AS diallerPhone,
    ccd.customVariable1,
    ccd.customVariable2,
    ccd.customVariable3,
    ccd.customVariable4,
    ccd.customVariable5,
    ccd.customVariable6,
    ccd.customVariable7,
    ccd.customVariable8,
    ccd.customVariable9,
    ccd.customVariable10
FROM ContactCallDetail ccd
LEFT JOIN AgentConnectionDetail acd
    ON acd.sessionID = ccd.sessionID
    AND acd.sessionSeqNum = ccd.sessionSeqNum
    AND acd.nodeID = ccd.nodeID
    AND acd.profileID = ccd.profileID
LEFT JOIN ConsultLegDetail cl
    ON cl.sessionID = ccd.sessionID
    AND cl.sessionSeqNum = ccd.sessionSeqNum
    AND cl.nodeID = ccd.nodeID
LEFT JOIN Resource r
    ON r.resourceID = COALESCE(acd.resourceID, cl.destinationResourceID, ccd.originatorID)
    AND r.profileID = ccd.profileID
WHERE ccd.endDateTime >= :wide_from
    AND ccd.endDateTime < :wide_to
    AND COALESCE(acd.endDateTime, cl.endDateTime, ccd.endDateTime) >= :ended_from
    AND COALESCE(acd.endDateTime, cl.endDateTime, ccd.endDateTime) < :ended_to
    AND COALESCE(acd.resourceID, cl.destinationResourceID, ccd.originatorID) IS NOT NULL
