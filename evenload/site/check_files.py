"""Checks of the files that a site file names; the only cross-checks that look at this machine."""

import stat
from pathlib import Path

from evenload.site.findings import Report
from evenload.site.schema import Site


def check_files(site: Site, folder: Path, report: Report) -> None:
    """Report password files that are missing, empty or readable by others. `folder` is the site file's own."""
    named = {f"stations.{name}.password_file": station.password_file for name, station in site.stations.items()}
    if site.mqtt is not None:
        named["mqtt.password_file"] = site.mqtt.password_file
    for path, file in named.items():
        if file is not None:
            _check_secret(folder / file, path, report)


def _check_secret(file: Path, path: str, report: Report) -> None:
    try:
        facts = file.stat()
    except OSError as fault:
        report.fault(path, f"{file}: {fault.strerror or 'cannot be read'}", "write the password into that file")
        return
    if not stat.S_ISREG(facts.st_mode) or facts.st_size == 0:
        report.fault(path, f"{file} holds no password", "write the password into that file")
    elif facts.st_mode & (stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH):
        report.warning(path, f"{file} can be read or changed by others", f"run: chmod 400 {file}")
