"""One running home for each file of tests; what one test changes it puts back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.system.system import Home
from tests.integration.system.system import home as start_home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """A home whose car charges at its minimum: no sun yet."""
    async with start_home(tmp_path_factory.mktemp("home")) as found:
        yield found
