# Thin: each verb is a command of its own, and `make up NAME=value` hands the setting on as `olympia up NAME=value`.
PYTHON = python3
INVENTORY = local
ARGS =
PART =

OWN = PYTHON INVENTORY ARGS PART VERBS INSIDE MAKEFLAGS MAKEOVERRIDES
quote = '$(subst ','\'',$(1))'
# Every variable of make's command line but those above, quoted for the shell.
SETTINGS = $(foreach name,$(filter-out $(OWN),$(.VARIABLES)),$(if $(filter command,$(firstword $(origin $(name)))),$(call quote,$(name)=$(value $(name)))))

BOOTSTRAP = $(PYTHON) scripts/bootstrap
OLYMPIA = .venv/bin/olympia

.DEFAULT_GOAL := help
VERBS = up down restart rebuild build push init test-site bootstrap fleet nightly tenant backup prune destroy status url list explain render doctor sbom snapshot data_export data_restore
INSIDE = logs exec shell rootshell djshell report

.PHONY: help $(VERBS) $(INSIDE) build_docker_image verify test lint bench lock docs clean

help: ## list the verbs
	@sed -n 's/^\([a-z_ -]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 28
	@echo; echo 'Settings follow the verb: make up HTTP_PORT=8080. Others: INVENTORY=ci, ARGS="--check --diff -K", PYTHON=python3.13.'

up down restart rebuild build push test-site prune: ## run the stack, take it down (data stays), restart it, build anew and run, build or publish its image, run the site's tests, clear the build cache
bootstrap fleet nightly: ## make shared machines ready (INVENTORY=PATH); and bring everybody's instance up; save a snapshot of each
tenant backup: ## who lives on which shared machine, with the room left (INVENTORY=PATH ARGS="list|move NAME MACHINE"); snapshots that have left one (ARGS="list|fetch NAME")
init destroy: ## initialize again; remove the instance with ALL its data (asks first)
snapshot data_export data_restore: ## what the instance holds (ARGS="save|restore|list|rm NAME"); its database as plain SQL (ARGS=FILE)
status url list explain render doctor sbom: ## how it is, where the site is, which instances there are, where settings come from (ARGS=HTTP_PORT), what would be written, what is wrong, what the image is made of
$(VERBS):
	@$(BOOTSTRAP)
	@$(OLYMPIA) $@ -i $(call quote,$(INVENTORY)) $(ARGS) $(SETTINGS)

build_docker_image: build ## what addons-server calls build

logs exec: ## logs (ARGS="-f web"), or a command in a service's container (ARGS="web id")
report: ## the page of the last run
shell rootshell djshell: ## a shell, one as root, or Django's, in the web container
$(INSIDE):
	@$(BOOTSTRAP)
	@$(OLYMPIA) $@ $(SETTINGS) $(ARGS)

verify: ## ask a running stack whether it keeps its promises; ARGS="--instance NAME --hosts ssh://HOST --sudo"
	@$(BOOTSTRAP) --dev
	@.venv/bin/pytest tests/testinfra -p no:cacheprovider $(ARGS)

test: ## what every change has to pass; PART=unit runs one part, PART=full everything
	@$(BOOTSTRAP) --dev
	@.venv/bin/python tests/run $(PART)

lint: ## the part of the tests that only reads
	@$(BOOTSTRAP) --dev
	@.venv/bin/python tests/run lint

bench: ## measure
	@$(BOOTSTRAP) --dev
	@.venv/bin/python bench/bench.py $(ARGS)

lock: ## write the locks again; ARGS=--upgrade moves the versions
	@$(BOOTSTRAP) --dev
	@.venv/bin/python scripts/lock $(ARGS)

docs: ## write docs/settings.md, the roles' README.md and the table in docs/testing.md again
	@$(BOOTSTRAP) --dev
	@.venv/bin/python scripts/settings_doc.py
	@.venv/bin/python scripts/testing_doc.py

clean: ## remove what bootstrap and tests made here; stacks stay
	rm -rf .venv .ansible .test-logs .mypy_cache .pytest_cache .ruff_cache collections/ansible_collections/ansible collections/ansible_collections/community collections/ansible_collections/.stamp
