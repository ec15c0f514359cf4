# Every target works on a fresh clone: it makes the environment it needs first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 8000
PHOTOS ?= build/demo/photos
MODEL_DIR ?= models/demo
DEMO_PHOTO_COUNT ?= 1200
MODEL ?=
PRECISION ?= int8
OUT ?= build/bundle
INDEX_URL ?=
ENGINE ?= auto
OPENSEARCH_PORT ?= 9200
ENGINE_PHOTOS ?= 25000 200000
# What a deployment decides, on top of cdk.json: CONTEXT="-c size=production -c auth=jwt".
CONTEXT ?=
STACK ?= photo-search
EVENT ?= events/text.json
IMAGE ?= photo-search
BASE_IMAGE ?=
TEST_PROCESSES ?= auto
# Each process starts an OpenSearch of its own, of 1 GiB; they wait more than they work.
SERVERS ?= 3
# Those need what `make test` does not take: torch, and Node for the CDK from the first import on.
ELSEWHERE := --ignore tests/models_torch --ignore tests/models_peers --ignore tests/infra
# Not every shell expands ~ behind an equals sign; one directory is one collection, / or not.
PHOTOS_DIR := $(patsubst %/,%,$(patsubst ~/%,$(HOME)/%,$(PHOTOS)))
# Each collection has shards and thumbnails of its own, and an index for each build of a model.
COLLECTION := build/$(if $(filter build/demo/photos,$(PHOTOS)),demo,own/$(firstword $(shell printf %s "$(PHOTOS_DIR)" | cksum)))
MODEL_SUM = $(firstword $(shell cksum 2>/dev/null <"$(MODEL_DIR)/model.json"))
INDEX = $(or $(INDEX_URL),sqlite:///$(COLLECTION)/photos-$(MODEL_SUM).db)
WORKPLACE = --index "$(INDEX)" --model "$(MODEL_DIR)" \
  --work $(COLLECTION)/ingest --thumbs $(COLLECTION)/thumbs

DEV := .venv/bin
DEMO := .venv-demo/bin
MODELS := .venv-models/bin
PEERS := .venv-peers/bin
IMPORT_PATH := PYTHONPATH=.:lambda_src

##@ Use it
.PHONY: demo
demo: .venv-demo/ready ## Search 1,200 drawn photos in the browser (PHOTOS=~/Pictures for one's own, PORT=8000, INDEX_URL=…)
ifeq ($(PHOTOS),build/demo/photos)
	@$(IMPORT_PATH) $(DEMO)/python -m models.world.collection $(PHOTOS) --count $(DEMO_PHOTO_COUNT)
endif
	@$(DEMO)/photo-search ingest folder "$(PHOTOS_DIR)" $(WORKPLACE) || [ $$? -eq 1 ]
ifeq ($(PHOTOS),build/demo/photos)
	@echo 'Three queries to try: "red balloon", "snowy mountains at night", "two tents in the desert"'
endif
	@$(DEMO)/photo-search serve $(WORKPLACE) --port $(PORT) --photos "$(PHOTOS_DIR)"

.PHONY: model
model: .venv-models/ready ## Make a bundle of a real checkpoint (MODEL=org/name or a directory, REVISION=…, PRECISION=int8|fp16|fp32, OUT=build/bundle)
	@$(IMPORT_PATH) exec $(MODELS)/python -m models $(if $(MODEL),"$(MODEL)") --precision $(PRECISION) --out "$(OUT)" \
	  $(if $(REVISION),--revision "$(REVISION)") $(if $(NAME),--name "$(NAME)") $(if $(LICENCE),--licence "$(LICENCE)") \
	  $(if $(filter-out 0,$(ACCEPT_LICENCE)),--accept-licence)

.PHONY: opensearch
opensearch: .venv-demo/ready ## One OpenSearch on localhost (ENGINE=auto|docker|maven, OPENSEARCH_PORT=9200)
	@$(IMPORT_PATH) exec $(DEMO)/python -m local.opensearch_server --engine $(ENGINE) --port $(OPENSEARCH_PORT) \
	  $(if $(OPENSEARCH_JAVA_HOME),--java-home "$(OPENSEARCH_JAVA_HOME)")

.PHONY: clean
clean: ## Remove the demo's photos and index, and caches; keeps one's own indexes and bundles
	rm -rf build/demo build/bench build/screenshot cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

##@ Put it on AWS (docs/operations.md)
.PHONY: synth
synth: .venv/ready ## Write the CloudFormation template to cdk.out: no account, network or Docker (CONTEXT="-c size=production")
	$(DEV)/python app.py $(CONTEXT)

.PHONY: diff
diff: .venv/ready ## What a deployment would change
	$(CDK) diff $(CONTEXT)

.PHONY: deploy
deploy: .venv/ready ## Deploy, after looking whether all that it needs is there
	$(DEV)/python -m infra.preflight $(CONTEXT)
	$(CDK) deploy $(CONTEXT)

.PHONY: destroy
destroy: .venv/ready ## Take the deployment down; asks first, and keeps what is to be kept
	$(CDK) destroy $(CONTEXT)

.PHONY: smoke
smoke: .venv/ready ## Ask the deployed API one question of each route (TOKEN=… with auth jwt)
	$(DEV)/python -m infra.smoke $(CONTEXT) $(if $(TOKEN),--token "$(TOKEN)")

.PHONY: ingest-aws
ingest-aws: .venv/ready ## Submit the ingest job and follow it (FOLLOW=JOB_ID follows one that was submitted)
	$(IMPORT_PATH) $(DEV)/python -m ingest.cloud.submit --stack "$(STACK)" \
	  $(if $(VARIANT),--variant "$(VARIANT)") $(if $(PARTS),--parts "$(PARTS)") $(if $(FOLLOW),--follow "$(FOLLOW)")

.PHONY: image
image: ## Build the Lambda's image with Docker and print its size (BASE_IMAGE=…)
	$(call build_image,lambda_src/Dockerfile,$(IMAGE))

.PHONY: image-ingest
image-ingest: ## Build the ingest job's images, for GPUs and for CPUs
	$(call build_image,ingest/Dockerfile,photo-search-ingest:cpu,--target cpu)
	$(call build_image,ingest/Dockerfile,photo-search-ingest:gpu,--target gpu,$(GPU_BUNDLE))

.PHONY: invoke
invoke: .venv/ready .venv-sam/ready synth ## Send one event to the image by `sam local invoke` (EVENT=events/text.json)
	$(SAM) invoke --event "$(EVENT)"

.PHONY: api
api: .venv/ready .venv-sam/ready synth ## Serve the image's API by `sam local start-api` on port 3000
	$(SAM) api

.PHONY: emulate
emulate: .venv/ready .venv-sam/ready ## Run the handler in Lambda's runtime emulator, without Docker
	$(IMPORT_PATH) INDEX_URL="$(INDEX)" MODEL_DIR="$(MODEL_DIR)" PRELOAD=text $(DEV)/python -m local.emulator $(EVENTS)

.PHONY: compose
compose: image .venv-sam/ready ## OpenSearch, the search image and the site before it, by docker compose
	@LAMBDA_EMULATOR="$(abspath $(firstword $(wildcard .venv-sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-$(subst aarch64,arm64,$(shell uname -m)))))" \
	  PORT=$(PORT) $(if $(BASE_IMAGE),SITE_BASE_IMAGE=$(BASE_IMAGE)) exec $(DOCKER) compose --profile lambda up --build

.PHONY: cost
cost: .venv/ready ## What it costs a month on AWS; writes the tables of docs/cost.md
	$(IMPORT_PATH) $(DEV)/python -m costs

CDK = npx --yes aws-cdk@2.1148.1
SAM = $(IMPORT_PATH) $(DEV)/python -m local.lambda_image --sam .venv-sam/bin/sam \
  --template "cdk.out/$(STACK).template.json" --image "$(IMAGE)" --index "$(INDEX)" --docker $(DOCKER)
# Debian's own client builds with BuildKit, which reads the ignore file beside each Dockerfile.
DOCKER ?= $(firstword $(wildcard /usr/bin/docker) docker)
BUNDLE ?= $(if $(wildcard build/bundle/model.json),build/bundle,models/demo)
GPU_BUNDLE ?= $(if $(wildcard build/bundle-gpu/model.json),$(BUNDLE:build/bundle=build/bundle-gpu),$(BUNDLE))
define build_image
	@DOCKER_BUILDKIT=1 $(DOCKER) build -q -f $(1) $(3) -t $(2) --build-arg BUNDLE=$(or $(4),$(BUNDLE)) \
	  $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) . >/dev/null
	@$(DOCKER) history --no-trunc --human=false --format '{{.Size}} {{.CreatedBy}}' $(2) | awk \
	  '{all += $$1} /COPY \/image\// {own += $$1} END {printf "$(2): %d MB, %d MB of it above the base\n", all / 1e6, own / 1e6}'
endef

##@ Check it
.PHONY: test
test: .venv/ready ## Everything that needs no server, browser or Docker
	$(DEV)/pytest -n $(TEST_PROCESSES) $(ELSEWHERE) -m "not slow and not proof and not browser and not opensearch and not docker"

.PHONY: check
check: .venv/ready ## Format, lint, types, import rules, tests: what every commit passes; edits nothing
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy
	PYTHONPATH=.:lambda_src $(DEV)/lint-imports
	$(MAKE) test

.PHONY: test-slow
test-slow: .venv/ready .venv-sam/ready ## The minutes-long tests: thousands of API cases, mutated images, real photographs
	$(DEV)/pytest -n $(TEST_PROCESSES) $(ELSEWHERE) -m "slow and not opensearch and not docker"

.PHONY: test-browser
test-browser: .venv/ready ## The page in Chromium (Debian: apt-get install chromium)
	$(DEV)/pytest -n $(TEST_PROCESSES) --dist loadfile tests/web -m "browser"

.PHONY: test-opensearch
test-opensearch: .venv/ready ## The tests on a real OpenSearch, which they start and stop
	$(DEV)/pytest -n $(SERVERS) --dist loadfile $(ELSEWHERE) -m "opensearch and not slow"

.PHONY: test-faults
test-faults: .venv/ready ## The minutes-long tests on a real OpenSearch: faults, kills, swaps under load
	$(DEV)/pytest -n $(SERVERS) $(ELSEWHERE) -m "opensearch and slow"

.PHONY: test-infra
test-infra: .venv/ready ## The AWS side, synthesised and checked; takes Node
	$(DEV)/pytest -n $(TEST_PROCESSES) --dist loadfile tests/infra

.PHONY: test-image
test-image: .venv/ready .venv-sam/ready image image-ingest ## The Lambda's image: built, and asked through SAM; takes Docker
	$(DEV)/pytest -s -m docker tests/image

.PHONY: test-models
test-models: .venv-peers/ready ## The exporter, where torch is; the preprocessing beside torchvision, open_clip, transformers
	$(MODELS)/python -m pytest tests/models_torch
	$(PEERS)/python -m pytest tests/models_peers

.PHONY: bench
bench: .venv/ready ## Figures as ratios, measured side by side in one run; JSON under build/bench (half an hour)
	$(IMPORT_PATH) $(DEV)/python -m benchmarks --engine-photos $(ENGINE_PHOTOS)

.PHONY: bench-models
bench-models: .venv-peers/ready ## A query through CLIP beside transformers and open_clip; JSON under build/bench, docs/models.png (5 minutes)
	$(IMPORT_PATH) $(MODELS)/python -m benchmarks.models --open-clip $(PEERS)/python

.PHONY: recall
recall: .venv/ready ## Recall of BUNDLE on COCO or Flickr30k (CAPTIONS=dataset_coco.json IMAGES=DIRECTORY AGAINST=an fp32 bundle)
	$(IMPORT_PATH) $(DEV)/python -m benchmarks.retrieval --bundle "$(BUNDLE)" $(if $(AGAINST),--against "$(AGAINST)") \
	  $(if $(CAPTIONS),--captions "$(CAPTIONS)") $(if $(IMAGES),--images "$(IMAGES)") $(if $(SPLIT),--split "$(SPLIT)")

.PHONY: prove
prove: .venv/ready ## The hour-long proofs, resumable; figures under docs/proofs
	$(DEV)/pytest -n $(TEST_PROCESSES) $(ELSEWHERE) -m proof
	$(IMPORT_PATH) $(DEV)/python -m proofs

##@ Change it
.PHONY: fmt
fmt: .venv/ready ## Format and fix what can be fixed
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

.PHONY: openapi
openapi: .venv/ready ## Write openapi.json from the code
	$(IMPORT_PATH) $(DEV)/python -m local.openapi

.PHONY: screenshot
screenshot: .venv/ready ## Take the README's picture of the page in Chromium
	$(IMPORT_PATH) $(DEV)/python -m tests.web.screenshot

.PHONY: demo-model
demo-model: .venv-models/ready ## Draw, train, export and evaluate the demo model (about an hour on two cores)
	$(IMPORT_PATH) $(MODELS)/python -m models.demo_clip

.PHONY: requirements
requirements: ## Pin every requirements.txt, with hashes, from the .in files
	$(foreach target,lambda_src ingest local infra .,$(call compile,$(target)))
	$(PIN) -o models/requirements.txt $(INS_lambda_src) models/requirements.in
	$(PIN) --no-deps -o benchmarks/requirements-peers.txt benchmarks/requirements-peers.in
	$(PIN) -o lambda_src/requirements-runtime.txt lambda_src/requirements-runtime.in
	$(PIN) -o local/requirements-sam.txt local/requirements-sam.in
	$(PIN) --override lambda_src/overrides.in --override ingest/overrides-gpu.in -o ingest/requirements-gpu.txt $(INS_ingest) ingest/requirements-gpu.in
	rm -f .venv*/ready

PIN := $(DEV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make requirements" --no-annotate
INS_lambda_src := lambda_src/requirements.in
INS_ingest := $(INS_lambda_src) ingest/requirements.in ingest/cloud/requirements.in
INS_local := $(INS_lambda_src) ingest/requirements.in local/requirements.in
INS_infra := infra/requirements.in
INS_. := $(INS_local) ingest/cloud/requirements.in $(INS_infra) requirements.in
define compile
$(PIN) --override lambda_src/overrides.in -o $(1)/requirements.txt $(INS_$(1))

endef

# An environment is remade in place whenever its pins change.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and "Python 3.11 to 3.14 is needed; name one by PYTHON=")'
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	@echo "installing $(2) into $(1)"
	@$(1)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(2)
	@$(if $(3),$(1)/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .)
	@touch $(1)/ready
endef

.venv/ready: requirements.txt pyproject.toml
	$(call environment,.venv,requirements.txt,editable)

.venv-demo/ready: local/requirements.txt pyproject.toml
	$(call environment,.venv-demo,local/requirements.txt,editable)

.venv-models/ready: models/requirements.txt
	$(call environment,.venv-models,models/requirements.txt)

# What .venv-models has, torch (5.6 GB) and pip among it, these see by a relative path: pip adds only what it lacks.
.venv-peers/ready: benchmarks/requirements-peers.txt .venv-models/ready
	@test -x $(PEERS)/python || $(MODELS)/python -m venv --without-pip .venv-peers
	@cd .venv-peers && for site in lib/python*/site-packages; do echo "../../../../.venv-models/$$site" >$$site/models.pth; done
	$(call environment,.venv-peers,benchmarks/requirements-peers.txt)
	@$(PEERS)/python -m pip check

.venv-sam/ready: local/requirements-sam.txt
	$(call environment,.venv-sam,local/requirements-sam.txt)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
