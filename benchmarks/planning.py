"""Planning: how the time grows with the number of usergroups."""

from functools import partial

from benchmarks.measuring import AtMost, Result, in_turns, seconds
from qontract.domain.slack_desired_state import DesiredUsergroup, DesiredWorkspace
from qontract.domain.slack_plan import plan
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace

MEMBERS = 10


def planning(_: str, rounds: int, *, users: int = 20_000, usergroups: int = 1000, times: int = 10) -> list[Result]:
    """Plan some usergroups, and ten times as many, of which each tenth is to be changed."""
    small, large = (_input(users, count) for count in (usergroups, times * usergroups))
    found = in_turns({"large": partial(_measured, *large), "small": partial(_measured, *small)}, rounds)
    work = f"plan {times * usergroups:,} usergroups of {users:,} users"
    return [Result(work, "s", found["large"], f"{usergroups:,} usergroups", found["small"], bar=AtMost(1.2 * times))]


def _measured(desired: DesiredWorkspace, current: SlackWorkspace) -> float:
    return seconds(lambda: plan(desired, current))


def _input(users: int, usergroups: int) -> tuple[DesiredWorkspace, SlackWorkspace]:
    wanted = [[(group + member) % users for member in range(MEMBERS)] for group in range(usergroups)]
    desired = [
        DesiredUsergroup(handle=f"group-{group}", users=tuple(f"user-{member}" for member in members))
        for group, members in enumerate(wanted)
    ]
    there = [
        SlackUsergroup(
            id=f"S{group}",
            handle=f"group-{group}",
            user_ids=tuple(f"U{user}" for user in members[: -1 if group % 10 == 0 else None]),
        )
        for group, members in enumerate(wanted)
    ]
    people = tuple(
        SlackUser(id=f"U{user}", name=f"user-{user}", email=f"user-{user}@example.org") for user in range(users)
    )
    return DesiredWorkspace(name="bench", usergroups=tuple(desired)), SlackWorkspace(
        name="bench", users=people, usergroups=tuple(there)
    )
