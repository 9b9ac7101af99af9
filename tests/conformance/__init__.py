# SPDX-License-Identifier: BSD-3-Clause
"""The rendered project directory, judged by Compose and Bake themselves.

It is rendered by the product's own functions, in the order in which a run calls them, with a made-up host in place of a
probed one: no container is started, and no engine has to run.

- `upstream.yml` says in short what addons-server's own Compose files promise, and `deviations.yml` where this collection
  does otherwise, and why. Everything else of it has to hold here, in every combination of environment, image origin,
  private file and target. `promises.yml` has what this collection promises besides.
- Any settings that the validation accepts give files that Compose and Bake read as they were meant; what it does not
  accept, it refuses in a sentence.
"""
