"""What the plan says of a change of a team's settings."""

import pytest

from qontract.domain.github_teams import UpdateTeam


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("old", "new", "parent old → new"),
        ("old", None, "parent old → none"),
        (None, "new", "parent none → new"),
    ],
)
def test_a_team_that_moves_tells_its_parent_before_and_after(before: str | None, after: str | None, says: str) -> None:
    action = UpdateTeam(
        organisation="acme",
        team="Team A",
        slug="team-a",
        description="",
        privacy="closed",
        parent_slug=after,
        description_before="",
        privacy_before="closed",
        parent_slug_before=before,
    )
    assert action.summary == says
