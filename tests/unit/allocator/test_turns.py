"""Sites decide one after the other, and the loop goes round between two of them."""

import asyncio

from services.allocator.turns_service import Turns

SITES = 20


async def test_in_each_round_of_the_loop_one_site_decides_in_the_order_of_asking() -> None:
    turns, decided = Turns(), list[tuple[int, int]]()
    rounds = 0

    async def decide(site: int) -> None:
        await turns.take()
        decided.append((site, rounds))

    deciding = [asyncio.create_task(decide(site)) for site in range(SITES)]
    while not all(task.done() for task in deciding):
        await asyncio.sleep(0)
        rounds += 1
    assert [site for site, _ in decided] == list(range(SITES))
    assert len({when for _, when in decided}) == SITES


async def test_who_does_not_wait_any_longer_holds_up_nobody() -> None:
    turns = Turns()
    await turns.take()
    gone, next_one = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(next_one, 1.0)
