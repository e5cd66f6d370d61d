-- No row, only the columns of Termination_Call_Detail: with CallTerminatedDateTimeUTC among them it is 12.5 or later.
SELECT tcd.* FROM Termination_Call_Detail tcd WHERE 1 = 0
