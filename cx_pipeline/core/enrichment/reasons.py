"""Why a leg bears no record: the words of `enrichment_reason`, and each in a plain sentence."""

IN_PROGRESS = "IN_PROGRESS"
NO_SOURCE = "NO_SOURCE"
NO_RECORD_YET = "NO_RECORD_YET"
NO_RECORD = "NO_RECORD"
TWO_RECORDS_TIE = "TWO_RECORDS_TIE"
SEVERAL_RECORDS_NEAR = "SEVERAL_RECORDS_NEAR"
SEVERAL_LEGS_NEAR = "SEVERAL_LEGS_NEAR"

REASON_SENTENCES = {
    IN_PROGRESS: "the leg has not ended: Cisco writes its record afterwards",
    NO_SOURCE: "no Cisco database is set: the leg goes out with what the events tell",
    NO_RECORD_YET: "no record of it was there at the last look; the next tries may find it",
    NO_RECORD: "no record of it was there at the last try; if one comes, a correction goes out",
    TWO_RECORDS_TIE: "two records of its extension end equally near to it: which is its own cannot be told",
    SEVERAL_RECORDS_NEAR: "several records, none of its extension, end equally near to it: none was guessed",
    SEVERAL_LEGS_NEAR: "a record lies equally near to this leg and to another: neither was given it",
}
"""Shown by `explain`. A leg that is COMPLETE has no reason."""

METHOD_SENTENCES = {
    "EXTENSION": "the record bears the call's key and the leg's extension; of several the one that ends nearest",
    "TIME": "the record bears the call's key and no extension of the call; it ends nearest to the leg",
}
"""What decided a match."""
