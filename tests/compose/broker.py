"""The profile `mqtt`: the broker, its user, Home Assistant's service, with a password file beside the site file."""

import asyncio

import aiomqtt

from tests.compose.engine import Engine, state
from tests.compose.guide import GUIDE, quoted, remedies
from tests.compose.own_home import OwnHome
from tests.compose.rights import SERVICES, own_credentials
from tests.compose.watched import scraped

MQTT = 'mqtt: {broker: "mqtt://mosquitto:1883", user: evenload, password_file: mqtt.key, discovery: true}\n'
FOUND_S = 60.0


async def with_broker(engine: Engine, home: OwnHome) -> list[str]:
    """Start the profile; the home appears on the broker, its service is healthy and scraped."""
    ((_, do),) = [row for row in remedies(GUIDE) if "no broker" in row[0]]
    (command,) = quoted(do)
    secret = home.walk.site.with_name("mqtt.key")
    secret.write_text("secret\n", encoding="utf-8")
    secret.chmod(0o400)
    engine.give(home.walk.site.parent)
    with home.walk.site.open("a", encoding="utf-8") as file:
        file.write(MQTT)
    await engine.must(command)
    await engine.must("docker compose run --rm sites")
    await engine.settled(
        lambda found: state(found["home_assistant"]) == "healthy", FOUND_S, "home_assistant is healthy"
    )
    topics = await asyncio.wait_for(_announced(), FOUND_S)
    log = await engine.must("docker compose logs mosquitto home_assistant")
    assert "u'evenload'" in log, f"the broker knows its user: {log[-2000:]}"
    seen = [f"`{command}`: user evenload with the password of site/mqtt.key, {len(topics)} entities announced"]
    seen.append(await scraped((*SERVICES, "home_assistant")))
    seen.append(await own_credentials(engine, (*SERVICES, "home_assistant")))
    return seen


async def _announced() -> set[str]:
    """Return the topics that announce the wallbox' entities to Home Assistant."""
    found: set[str] = set()
    async with aiomqtt.Client("127.0.0.1", 1883) as client:
        await client.subscribe("homeassistant/#")
        async for message in client.messages:
            found.add(str(message.topic))
            if any("wallbox" in topic for topic in found) and len(found) > 5:
                return found
    return found
