"""A real worker and a sandbox with Slack's real limits, ten times as fast; `tests.chaos.many_changes` has 700."""

from tests.chaos.many_changes import run


def test_a_job_of_any_size_goes_on_by_itself_where_it_stopped_and_shows_done_and_of_meanwhile() -> None:
    shown: list[tuple[str, int, int]] = []
    outcome = run(45, 10, show=lambda _, result: shown.append((result.status, result.done, result.of)))
    assert (outcome["status"], outcome["done"], outcome["of"], outcome["errors"]) == ("success", 45, 45, 0)
    assert (outcome["events"], outcome["told more than once"]) == (45, 0)
    assert [done for _, done, _ in shown] == sorted({done for _, done, _ in shown})
    assert {(status, of) for status, done, of in shown if 0 < done < 45} == {("running", 45)}
    assert outcome["calls"]["usergroups.list"] >= 2, "each slice reads anew"
