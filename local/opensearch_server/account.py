"""Who the server runs as: OpenSearch refuses to be root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

_STAND_IN_FOR_ROOT = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine.

    Attributes:
        name: What the user is called.
        user: Its id as ``subprocess`` takes it; None stands for whoever runs this process.
        group: Its group's id; None as above.
    """

    name: str
    user: int | None = None
    group: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        """No further groups for another user; for oneself, those one has."""
        return None if self.user is None else []

    def take_over(self, path: Path) -> None:
        """Give a file or directory of ours to the user."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group, follow_symlinks=False)

    def may_write_in(self, directory: Path) -> bool:
        """Tell whether the user reaches a directory and may make files there."""
        probe = subprocess.run(  # noqa: S603 - a fixed command, no shell
            ["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(directory)],
            cwd="/",
            check=False,
            capture_output=True,
            user=self.user,
            group=self.group,
            extra_groups=self.extra_groups,
        )
        return probe.returncode == 0


def server_account() -> Account:
    """Give the account that OpenSearch runs as: ours, or ``nobody`` where we are root."""
    if os.geteuid() != 0:
        return Account(pwd.getpwuid(os.geteuid()).pw_name)
    stand_in = pwd.getpwnam(_STAND_IN_FOR_ROOT)
    return Account(_STAND_IN_FOR_ROOT, stand_in.pw_uid, stand_in.pw_gid)
