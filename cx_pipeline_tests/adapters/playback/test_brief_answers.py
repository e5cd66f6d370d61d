"""Answers are kept for a moment; that there is none is never kept."""

from cx_pipeline.adapters.playback.brief_answers import BriefAnswers


def test_an_answer_is_asked_for_again_after_its_time() -> None:
    now_s, asked = [0.0], [0]
    answers: BriefAnswers[int] = BriefAnswers(kept_for_s=2, clock_s=lambda: now_s[0])

    def ask() -> int:
        asked[0] += 1
        return asked[0]

    assert [answers.get("a", ask), answers.get("a", ask), answers.get("b", ask)] == [1, 1, 2]
    now_s[0] = 2.0
    assert answers.get("a", ask) == 3


def test_that_there_is_none_is_not_kept() -> None:
    answers: BriefAnswers[str] = BriefAnswers()
    assert answers.get("a", lambda: None) is None
    assert answers.get("a", lambda: "now") == "now"


def test_the_latest_used_are_kept() -> None:
    answers: BriefAnswers[str] = BriefAnswers(most=2)
    for question in ("a", "b", "a", "c"):
        answers.get(question, lambda: "old")
    assert [answers.get(question, lambda: "new") for question in ("a", "c", "b")] == ["old", "old", "new"]
