"""Sites decide a few at a time, the loop goes round between; who passes a limit is served first, and nobody starves."""

import asyncio

import pytest

from services.allocator.turns_service import TOGETHER, Turns

SITES = 20


async def taken(turns: Turns, sites: list[int], hurried: set[int]) -> list[tuple[int, int]]:
    """Let all sites ask for a turn at once; return (site, round of the loop) as they were served."""
    served: list[tuple[int, int]] = []
    rounds = 0

    async def decide(site: int) -> None:
        await turns.take(site)
        served.append((site, rounds))

    deciding = [asyncio.create_task(decide(site)) for site in sites]
    await asyncio.sleep(0)
    for site in hurried:
        turns.hurry(site)
    while not all(task.done() for task in deciding):
        await asyncio.sleep(0)
        rounds += 1
    return served


async def test_in_each_round_of_the_loop_a_few_decide_in_the_order_of_asking() -> None:
    served = await taken(Turns(), list(range(SITES)), set())
    assert [site for site, _ in served] == list(range(SITES))
    rounds = [when for _, when in served]
    assert [rounds.count(when) for when in sorted(set(rounds))] == [1, *[TOGETHER] * 4, SITES - 1 - 4 * TOGETHER]


async def test_who_asks_alone_is_served_at_once() -> None:
    turns = Turns()
    for _ in range(3):
        asked = turns.take("site")
        with pytest.raises(StopIteration):
            asked.send(None)
        await asyncio.sleep(0)


async def test_who_is_in_a_hurry_is_served_first() -> None:
    served = await taken(Turns(), list(range(SITES)), {SITES - 1, SITES - 3})
    others = [site for site in range(1, SITES) if site not in {SITES - 1, SITES - 3}]
    assert served[0][0] == 0, "nobody waited yet"
    assert {site for site, _ in served[1:3]} == {SITES - 1, SITES - 3}
    assert [site for site, _ in served[3:]] == others


async def test_one_turn_of_each_round_is_for_who_has_waited_longest() -> None:
    hurried = set(range(2, SITES))
    served = await taken(Turns(), list(range(SITES)), hurried)
    assert [site for site, _ in served].index(1) == TOGETHER
    assert {site for site, _ in served} == set(range(SITES))


async def test_a_hurry_ends_with_its_turn_and_with_its_site() -> None:
    turns = Turns()
    assert [site for site, _ in await taken(turns, [0, 1, 2], {2})] == [0, 2, 1]
    assert [site for site, _ in await taken(turns, [0, 1, 2], set())] == [0, 1, 2]
    turns.hurry(2)
    turns.forget(2)
    assert [site for site, _ in await taken(turns, [0, 1, 2], set())] == [0, 1, 2]


async def test_who_does_not_wait_any_longer_holds_up_nobody() -> None:
    turns = Turns()
    await turns.take("first")
    gone, next_one = asyncio.create_task(turns.take("gone")), asyncio.create_task(turns.take("next"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(next_one, 1.0)
