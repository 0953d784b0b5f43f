"""Who allocates which sites: everybody computes the same, and only a lost share moves."""

from evenload.runtime.ownership import owned, owner_of

SITES = [f"site{number}" for number in range(300)]


def test_nobody_alive_owns_nothing() -> None:
    assert owner_of("home", []) is None


def test_the_order_in_which_processes_are_seen_does_not_matter() -> None:
    assert all(owner_of(site, ["a", "b", "c"]) == owner_of(site, ["c", "a", "b"]) for site in SITES)


def test_every_site_has_exactly_one_owner() -> None:
    shares = [owned(process, ["a", "b", "c"], SITES) for process in ("a", "b", "c")]
    assert sum(len(share) for share in shares) == len(SITES)
    assert set().union(*shares) == set(SITES)


def test_the_shares_are_about_equal() -> None:
    assert all(60 < len(owned(process, ["a", "b", "c"], SITES)) < 140 for process in ("a", "b", "c"))


def test_only_the_sites_of_a_process_that_goes_move() -> None:
    before = {site: owner_of(site, ["a", "b", "c"]) for site in SITES}
    after = {site: owner_of(site, ["a", "b"]) for site in SITES}
    assert all(after[site] == owner for site, owner in before.items() if owner != "c")


def test_a_process_counts_itself_alive() -> None:
    assert owned("a", [], SITES) == set(SITES)
