"""What every GithubTeams does beside what any integration does."""

from abc import abstractmethod
from typing import Any

import pytest

from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_desired_state import DesiredOrganisation
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam

ACME = GithubOrganisation(
    name="acme",
    owners=("olivia",),
    members=("Alice", "bob", "carol", "dave"),
    invited=("ivan",),
    teams=(
        GithubTeam(
            name="Team A",
            slug="team-a",
            description="People of <A> & friends",
            members=("Alice",),
            maintainers=("bob", "olivia"),
            invited=("ivan",),
        ),
        GithubTeam(name="k8s.io-admins", slug="k8s-io-admins", parent="team-a", members=("carol",)),
        GithubTeam(name="hidden", slug="hidden", privacy="secret", members=("dave",)),
    ),
)

OTHER = GithubOrganisation(
    name="other",
    owners=("olivia",),
    members=("Alice", "bob"),
    teams=(GithubTeam(name="Team A", slug="team-a", members=("Alice",)),),
)


def create(**fields: Any) -> CreateTeam:
    plain: dict[str, Any] = {"organisation": "acme", "team": "Team B", "slug": "team-b", "description": ""}
    return CreateTeam(**plain | {"privacy": "closed", "members": (), "maintainers": ()} | fields)


def update_team(**fields: Any) -> UpdateTeam:
    before = {"description_before": "People of <A> & friends", "privacy_before": "closed"}
    plain = {"organisation": "acme", "team": "Team A", "slug": "team-a", "description": "New", "privacy": "closed"}
    return UpdateTeam.model_validate(plain | before | fields)


def update_members(**fields: Any) -> UpdateMembers:
    plain: dict[str, Any] = {"organisation": "acme", "team": "Team A", "slug": "team-a", "added": (), "removed": ()}
    return UpdateMembers(**plain | {"members": (), "maintainers": ()} | fields)


def delete(**fields: Any) -> DeleteTeam:
    plain: dict[str, Any] = {"organisation": "acme", "team": "hidden", "slug": "hidden"}
    return DeleteTeam(**plain | {"members": ("dave",), "maintainers": ()} | fields)


def team(teams: GithubTeams, slug: str) -> GithubTeam:
    return teams.read("acme").by_slug()[slug]


class GithubTeamsContract:
    """Subclass it, and give the adapter: it has the organisations ACME and OTHER."""

    @pytest.fixture
    @abstractmethod
    def teams(self) -> GithubTeams:
        """The adapter."""

    def test_an_organisation_is_read_with_all_that_it_has(self, teams: GithubTeams) -> None:
        assert teams.read("acme") == ACME
        assert teams.read("other") == OTHER

    @pytest.mark.parametrize(
        "desired",
        [
            {"name": "New", "members": ["ALICE", "carol"], "maintainers": ["bob"], "description": "<b> & more"},
            {"name": "New", "members": ["olivia"], "privacy": "secret"},
            {"name": "New", "members": [], "parent": "k8s.io-admins"},
            {"name": "Team A", "members": ["bob", "olivia"], "maintainers": ["alice"]},
            {"name": "team a", "members": ["olivia", "ivan"], "description": ""},
            {"name": "Team A", "members": []},
            {"name": "k8s.io-admins", "members": ["carol", "dave"], "parent": "", "privacy": "secret"},
            {"name": "hidden", "members": ["dave"], "parent": "k8s.io-admins", "privacy": "closed"},
            {"name": "hidden", "members": ["stranger"], "description": "é"},
        ],
    )
    def test_after_its_actions_a_desired_team_needs_no_more(self, teams: GithubTeams, desired: dict[str, Any]) -> None:
        wanted = DesiredOrganisation.model_validate({"name": "acme", "teams": [desired], "invite": True})
        first = teams.plan(wanted, teams.read("acme"))
        assert first.actions
        assert not first.errors
        for action in first.actions:
            teams.apply(action)
        assert not teams.plan(wanted, teams.read("acme")).actions

    def test_a_created_team_has_all_of_its_action(self, teams: GithubTeams) -> None:
        fields = {"description": "<B> & co", "parent": "Team A", "parent_slug": "team-a"}
        teams.apply(create(members=("Alice",), maintainers=("bob",), **fields))
        assert team(teams, "team-b") == GithubTeam(
            name="Team B",
            slug="team-b",
            description="<B> & co",
            parent="team-a",
            members=("Alice",),
            maintainers=("bob",),
        )

    def test_the_settings_are_replaced_and_the_rest_stays(self, teams: GithubTeams) -> None:
        before = team(teams, "k8s-io-admins")
        fields = {"slug": "k8s-io-admins", "description_before": "", "parent_slug_before": "team-a"}
        teams.apply(update_team(privacy="secret", **fields))
        after = {"description": "New", "privacy": "secret", "parent": None}
        assert team(teams, "k8s-io-admins") == before.model_copy(update=after)

    def test_people_are_replaced_and_the_rest_stays(self, teams: GithubTeams) -> None:
        before = team(teams, "team-a")
        lists = {"removed": ("bob", "olivia", "ivan"), "promoted": ("Alice",), "added": ("carol",)}
        teams.apply(update_members(members=("carol",), maintainers=("Alice",), **lists))
        after: dict[str, Any] = {"members": ("carol",), "maintainers": ("Alice",), "invited": ()}
        assert team(teams, "team-a") == before.model_copy(update=after)

    def test_who_is_outside_of_the_organisation_is_invited_and_pending(self, teams: GithubTeams) -> None:
        lists = {"added": ("Stranger",), "invited": ("Stranger",)}
        teams.apply(update_members(slug="hidden", members=("dave", "Stranger"), **lists))
        assert team(teams, "hidden").members == ("dave",)
        assert team(teams, "hidden").invited == ("Stranger",)
        assert teams.read("acme").invited == ("ivan", "Stranger")

    def test_a_deleted_team_is_gone(self, teams: GithubTeams) -> None:
        teams.apply(delete())
        assert [team.slug for team in teams.read("acme").teams] == ["team-a", "k8s-io-admins"]

    def test_an_action_leaves_the_team_of_the_same_name_elsewhere_alone(self, teams: GithubTeams) -> None:
        teams.apply(update_members(removed=("Alice",), maintainers=("bob", "olivia")))
        teams.apply(update_team())
        teams.apply(create())
        assert teams.read("other") == OTHER

    @pytest.mark.parametrize(
        "action",
        [
            create(slug="team-a", team="Team A"),
            create(parent="nowhere", parent_slug="nowhere"),
            update_team(slug="nowhere"),
            update_team(parent="nowhere", parent_slug="nowhere"),
            update_members(slug="nowhere", members=("Alice",), added=("Alice",)),
            update_members(slug="nowhere", removed=("Alice",)),
            delete(slug="nowhere"),
            delete(slug="team-a", team="Team A"),
        ],
    )
    def test_what_is_there_is_not_made_and_what_is_not_there_or_has_children_is_not_changed(
        self, teams: GithubTeams, action: TeamAction
    ) -> None:
        with pytest.raises(IntegrationError):
            teams.apply(action)
        assert teams.read("acme") == ACME

    def test_an_unknown_organisation_is_an_error_that_names_it(self, teams: GithubTeams) -> None:
        with pytest.raises(IntegrationError, match="atlantis"):
            teams.read("atlantis")
        with pytest.raises(IntegrationError, match="atlantis"):
            teams.apply(create(organisation="atlantis"))
