#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: a clone that people work in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_checkout
short_description: Clone a repository once, and keep the clone current without touching anybody's work
description:
  - Clones if the folder is empty or missing. An existing clone is updated only if no work gets lost. It has to be clean, on the
    branch (or the commit) that this module has checked out, and without commits of its own. Otherwise it is left alone, and the
    result says why. M(ansible.builtin.git) resets the branch or fails.
  - Files get modes as with umask 0022, regardless of the user's, because the modes are part of a build's input.
version_added: 0.3.0
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - git
attributes:
  check_mode:
    description: Reports whether it would be cloned or updated. Asks the repository, and fetches nothing.
    support: full
  diff_mode:
    description: Shows only the commits before and after.
    support: partial
options:
  repo:
    description: The repository's address.
    type: str
    required: true
  version:
    description: A branch, a tag or a commit. C(HEAD) is the repository's default branch.
    type: str
    default: HEAD
  dest:
    description: The folder of the clone.
    type: path
    required: true
  update:
    description: Whether an existing clone is updated.
    type: bool
    default: true
seealso:
  - module: ansible.builtin.git
"""

EXAMPLES = r"""
- name: Clone the source tree
  addons.olympia.source_checkout:
    repo: https://git.example.org/addons-server
    version: main
    dest: /home/me/addons-server
"""

RETURN = r"""
told:
  description: Why the clone was not updated, as a sentence; empty if it is up to date.
  returned: success
  type: str
  sample: it has changes that are not committed
commit:
  description: The commit that is checked out; empty if it would be cloned.
  returned: success
  type: str
cmd:
  description: The command that failed.
  returned: failure
  type: list
  elements: str
rc:
  description: Its return code.
  returned: failure
  type: int
stdout:
  description: What it wrote.
  returned: failure
  type: str
stderr:
  description: What it said.
  returned: failure
  type: str
"""

import os
import re
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.host.process import complete, tail

# What of a clone this module has chosen, in its own configuration: another one was somebody else's choice.
CHOSEN = "olympia.version"
DEFAULT = "HEAD"


def without_credentials(address: str) -> str:
    """Return an address without the user and the password in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


class Clone:
    """A clone, or the place of one."""

    def __init__(self, dest: Path) -> None:
        """Name it.

        Args:
            dest: Its folder.
        """
        self.dest = dest

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git in the clone and return what it wrote.

        Args:
            arguments: What follows `git`.
            check: Whether it has to succeed.

        Raises:
            Problem: It had to, and did not.
        """
        command = ["git", "-C", str(self.dest), *arguments]
        done = complete(command, environment={"GIT_TERMINAL_PROMPT": "0"})
        if check and done.rc:
            raise Problem(tail(done.stderr.strip(), 5), evidence=done.evidence())
        return "" if done.rc else done.stdout.strip()

    def clone(self, repo: str, version: str) -> None:
        """Make it.

        Args:
            repo: The repository's address.
            version: What to check out.

        Raises:
            Problem: The repository does not give it, or has no such version.
        """
        self.dest.mkdir(parents=True, exist_ok=True)
        try:
            self.git("clone", "--quiet", "--", repo, ".")
            if version != DEFAULT:
                self.git("checkout", "--quiet", version, "--")
        except Problem:
            # Half a clone would be taken for somebody's.
            shutil.rmtree(self.dest)
            raise
        self.git("config", CHOSEN, version)

    def target(self, version: str) -> tuple[str, str]:
        """Return the branch that a version means, empty for a tag or a commit, and the commit that the repository has for it.

        Args:
            version: As the setting says.

        Raises:
            Problem: The repository has no such version.
        """
        branch = version
        if version == DEFAULT:
            branch = self.git("symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
        if commit := self.git("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}", check=False):
            return branch, commit
        return "", self.git("rev-parse", "--verify", f"{version}^{{commit}}")

    def not_to_touch(self, repo: str) -> str:
        """Return why the clone stays as it is, whatever the repository has; empty if nothing of that kind is in the way.

        Args:
            repo: The repository's address.

        Raises:
            Problem: A command failed that does not on a clone in good order.
        """
        if without_credentials(self.git("remote", "get-url", "origin", check=False)) != without_credentials(repo):
            return f"it is not a clone of {without_credentials(repo)}"
        # What git does not track it does not overwrite, either.
        if self.git("status", "--porcelain", "--untracked-files=no"):
            return "it has changes that are not committed"
        return ""

    def not_to_move(self, version: str) -> str:
        """Return why the clone stays on the commit that it is on; empty if nothing keeps it there.

        Args:
            version: What it is to be on.

        Raises:
            Problem: The repository has no such version, as far as the clone knows.
        """
        branch, _commit = self.target(version)
        here = self.git("branch", "--show-current")
        if self.git("config", CHOSEN, check=False) not in ("", version):
            # The setting has changed since, and nobody has gone anywhere else meanwhile.
            before, _commit = self.target(self.git("config", CHOSEN))
            if here != before:
                return f"it is on {here or 'a commit'}, which was not checked out by the provisioner"
        elif here != branch:
            return f"it is on {here or 'a commit'} and not on {branch or version}"
        if self.git("rev-list", "--max-count=1", "HEAD", "--not", "--remotes=origin", "--tags"):
            return "it has commits of its own"
        return ""

    def plan(self, repo: str, version: str) -> tuple[str, bool]:
        """Return what `update` would, and whether it would move the clone; nothing is fetched.

        Args:
            repo: The repository's address.
            version: What it is to be on.

        Raises:
            Problem: A command failed that does not on a clone in good order.
        """
        if why := self.not_to_touch(repo):
            return why, False
        try:
            why = self.not_to_move(version)
            branch, commit = self.target(version)
        except Problem:
            # Only the repository knows it.
            return "", True
        if branch:
            try:
                commit = self.git("ls-remote", "--", repo, f"refs/heads/{branch}").partition("\t")[0]
            except Problem as error:
                return f"the repository does not answer: {error}", False
        return why, not why and commit != self.commit()

    def update(self, repo: str, version: str) -> str:
        """Move the clone on, and return why it stays as it is, in a sentence; empty if it does not.

        Args:
            repo: The repository's address.
            version: What it is to be on.

        Raises:
            Problem: A command failed that does not on a clone in good order.
        """
        if why := self.not_to_touch(repo):
            return why
        self.git("remote", "set-url", "origin", repo)
        try:
            self.git("fetch", "--quiet", "--tags", "--force", "origin")
        except Problem as error:
            return f"the repository does not answer: {error}"
        if why := self.not_to_move(version):
            return why
        branch, commit = self.target(version)
        try:
            if not branch:
                self.git("checkout", "--quiet", "--detach", commit)
            else:
                self.git("checkout", "--quiet", branch, "--")
                self.git("merge", "--quiet", "--ff-only", commit)
        except Problem as error:
            return f"git cannot update it: {error}"
        self.git("config", CHOSEN, version)
        return ""

    def commit(self) -> str:
        """Return the commit that it is on."""
        return self.git("rev-parse", "HEAD", check=False)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "repo": {"type": "str", "required": True},
            "version": {"type": "str", "default": DEFAULT},
            "dest": {"type": "path", "required": True},
            "update": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    repo, version = module.params["repo"], module.params["version"]
    clone = Clone(Path(module.params["dest"]))
    if not module.get_bin_path("git"):
        module.fail_json(
            msg="git is not installed on this host; it is needed to clone the source tree. Install it: apt-get install git"
        )
    os.umask(0o022)
    there = clone.dest.is_dir() and any(clone.dest.iterdir())
    if module.check_mode and not there:
        module.exit_json(changed=True, told="", commit="")
    before = clone.commit() if there else ""
    told, moves = "", False
    try:
        if not there:
            clone.clone(repo, version)
        elif not (clone.dest / ".git").exists():
            module.fail_json(
                msg=f"{clone.dest} is not empty and not a clone. Move its files away, or name it with SOURCE_DIR."
            )
        elif module.params["update"] and module.check_mode:
            told, moves = clone.plan(repo, version)
        elif module.params["update"]:
            told = clone.update(repo, version)
    except Problem as error:
        address = without_credentials(repo)
        module.fail_json(msg=f"The source tree cannot be cloned from {address}: {error}", **mask(dict(error.evidence)))
    after = clone.commit()
    module.exit_json(
        changed=moves or before != after, told=told, commit=after, diff={"before": f"{before}\n", "after": f"{after}\n"}
    )


if __name__ == "__main__":
    main()
