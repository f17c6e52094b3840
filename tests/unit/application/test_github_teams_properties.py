"""What holds for any desired teams and any organisation."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qontract.adapters.memory.github_teams import InMemoryGithubTeams
from qontract.application.guards import Guards
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, by_login, slug_of
from qontract.domain.jobs import JobResult
from qontract.testing.reconciling import reconcile

OWNERS, MEMBERS, INVITED = ("olivia", "Oscar"), ("Alice", "bob", "carol"), ("ivan",)
LOGINS = (*OWNERS, *MEMBERS, *INVITED)
WRITTEN = (*LOGINS, *(login.upper() for login in LOGINS), " @alice")
UNKNOWN = ("ghost", "Phantom")
NAMES = ("Team A", "b.c", "d", "E e")

NO_GUARDS = Guards(min_removals=1_000)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
text = st.sampled_from(["", "Team", " Team ", "tëam\n"])


@st.composite
def organisations(draw: st.DrawFn) -> GithubOrganisation:
    """An organisation that GitHub can have: parents come earlier in the list, and secret teams are not nested."""
    teams: list[GithubTeam] = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        people = draw(st.dictionaries(st.sampled_from(LOGINS), st.booleans()))
        parents = [team.slug for team in teams if team.privacy == "closed"]
        parent = draw(st.sampled_from([None, *parents]))
        there = {login: maintains or login in OWNERS for login, maintains in people.items() if login not in INVITED}
        teams.append(
            GithubTeam(
                name=name,
                slug=slug_of(name),
                description=draw(text),
                privacy="closed" if parent else draw(st.sampled_from(["closed", "secret"])),
                parent=parent,
                members=tuple(login for login, maintains in there.items() if not maintains),
                maintainers=tuple(login for login, maintains in there.items() if maintains),
                invited=tuple(login for login in people if login in INVITED),
            )
        )
    return GithubOrganisation(name="acme", owners=OWNERS, members=MEMBERS, invited=INVITED, teams=tuple(teams))


@st.composite
def desired_organisations(draw: st.DrawFn) -> dict[str, Any]:
    """A request that is valid: parents come earlier in the list, and secret teams are not nested."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    teams: list[dict[str, Any]] = []
    for name in names:
        people = draw(st.dictionaries(st.sampled_from((*WRITTEN, *UNKNOWN)), st.booleans(), max_size=6))
        roles = {login.strip(" @").lower(): maintains for login, maintains in people.items()}
        parents = [team["name"] for team in teams if team["privacy"] != "secret"]
        parent = draw(st.sampled_from([None, "", "nowhere", *set(NAMES) - set(names), *parents]))
        team = {
            "name": draw(st.sampled_from([name, name.upper(), slug_of(name)])),
            "description": draw(st.none() | text),
            "privacy": draw(st.sampled_from([None, "closed"] if parent else [None, "closed", "secret"])),
            "parent": parent,
            "members": [login for login in people if not roles[login.strip(" @").lower()]],
            "maintainers": [login for login in people if roles[login.strip(" @").lower()]],
        }
        teams.append(team)
    others = st.lists(st.sampled_from([name for name in (*NAMES, "team-z") if name not in names]), max_size=3)
    return {
        "name": "acme",
        "teams": draw(st.permutations(teams)),
        "managed_teams": draw(st.none() | st.lists(st.sampled_from([*NAMES, "team-z"]))),
        "delete_teams": draw(others),
        "invite": draw(st.booleans()),
    }


def apply(github: InMemoryGithubTeams, desired: dict[str, Any]) -> JobResult:
    return reconcile(github, {"organisations": [desired]}, guards=NO_GUARDS)


def teams_of(github: InMemoryGithubTeams) -> dict[str, GithubTeam]:
    return dict(github.read("acme").by_slug())


@unhurried
@given(organisations(), desired_organisations())
def test_a_second_run_plans_nothing(organisation: GithubOrganisation, desired: dict[str, Any]) -> None:
    github = InMemoryGithubTeams(organisation)
    first, second = apply(github, desired), apply(github, desired)
    assert first.applied_actions == first.actions
    assert second.actions == ()
    assert second.errors == first.errors


@unhurried
@given(organisations(), desired_organisations())
def test_what_is_neither_desired_nor_managed_nor_to_delete_is_never_touched(
    organisation: GithubOrganisation, desired: dict[str, Any]
) -> None:
    github = InMemoryGithubTeams(organisation)
    before = teams_of(github)
    apply(github, desired)
    named = [team["name"] for team in desired["teams"]] + [*(desired["managed_teams"] or ()), *desired["delete_teams"]]
    ours = {slug_of(name) for name in named}
    assert {slug: team for slug, team in teams_of(github).items() if slug not in ours} == {
        slug: team for slug, team in before.items() if slug not in ours
    }


@unhurried
@given(organisations(), desired_organisations())
def test_nobody_is_silently_dropped_or_invited(organisation: GithubOrganisation, desired: dict[str, Any]) -> None:
    github = InMemoryGithubTeams(organisation)
    result = apply(github, desired)
    teams, known = teams_of(github), by_login(LOGINS)
    for wanted in desired["teams"]:
        team = teams.get(slug_of(wanted["name"]))
        if team is None:
            assert any(error.startswith(f"acme/{slug_of(wanted['name'])}: ") for error in result.errors)
            continue
        for login in (*wanted["members"], *wanted["maintainers"]):
            key = login.strip(" @").lower()
            if key in known or desired["invite"]:
                assert key in team.logins()
            else:
                assert any(repr(login) in error and team.slug in error for error in result.errors)
                assert key not in team.logins()


@unhurried
@given(organisations(), desired_organisations())
def test_github_could_have_every_organisation_on_the_way(
    organisation: GithubOrganisation, desired: dict[str, Any]
) -> None:
    github = InMemoryGithubTeams(organisation)
    wanted = github.desired.model_validate({"organisations": [desired]}).scopes()["acme"]
    for action in github.plan(wanted, organisation).actions:
        github.apply(action)
        teams = teams_of(github)
        for team in teams.values():
            parent = teams[team.parent] if team.parent else None
            assert not (parent and "secret" in {team.privacy, parent.privacy})
            for _ in teams:
                parent = teams[parent.parent] if parent and parent.parent else None
            assert parent is None, "a cycle"
