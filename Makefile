# What one may ask for. `go run ./cmd/vigil demo` and `go test ./...` need none of this.
.PHONY: help run demo test check deps verify fuzz fault fault-alarms silence sentinel bench oracle web release
.SILENT:

help: ## this list
	grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: ## the server on ./data, loopback only
	go run ./cmd/vigil serve

demo: ## a ward of simulated patients
	go run ./cmd/vigil demo

test: ## the tests that need Go alone
	go test ./...

check: ## before every commit: format, vet, tests
	test -z "$$(git ls-files '*.go' | xargs gofmt -l | tee /dev/stderr)"
	go vet ./...
	go test ./...

deps: ## (Debian, root) browser, database, foreign clients, npm packages for verify
	scripts/deps.sh

verify: ## everything; REQUIRE=all makes a skip a failure
	REQUIRE=$(REQUIRE) ROUNDS=$(or $(ROUNDS),3) FUZZTIME=$(or $(FUZZTIME),4s) scripts/verify.sh

fuzz: ## every fuzz target; TIME=30s each
	scripts/fuzz.sh $(or $(TIME),30s)

fault: ## (root) power cuts, kills, a full disk; ROUNDS=10
	go build -o /tmp/vigil-fault-rig ./test/fault
	/tmp/vigil-fault-rig -kind powercut -rounds $(or $(ROUNDS),10)
	/tmp/vigil-fault-rig -kind kill -rounds $(or $(ROUNDS),10)
	/tmp/vigil-fault-rig -kind full -rounds 1

fault-alarms: ## (root) kills, and half as many power cuts, while alarms are raised and people told; ROUNDS=10
	go build -o /tmp/vigil-fault-rig ./test/fault
	/tmp/vigil-fault-rig -kind alarms -rounds $(or $(ROUNDS),10) -cuts $$(( ($(or $(ROUNDS),10) + 1) / 2 ))

silence: ## is every silence told as it is? ROUNDS=1000 faults in accelerated time, fifty in real time (ten minutes)
	VIGIL_SILENCE=$(or $(ROUNDS),1000) go test -count 1 -timeout 30m -run 'TestSilence' -v ./test/fault
	go build -o /tmp/vigil-fault-rig ./test/fault
	/tmp/vigil-fault-rig -kind silence

sentinel: ## (root for the disk) break a server under a sentinel and print the seconds until it is heard: four minutes
	go test -tags sentinel -count 1 -timeout 6m -run 'TestSentinel$$' -v ./test/fault

bench: ## all figures of this machine, as JSON lines
	scripts/bench.sh

oracle: ## compare with independent implementations (npm, PyPI)
	scripts/oracle.sh

web: ## build the screens into web/dist
	cd web && npm ci --no-fund --no-audit --loglevel=error && npm run build

release: ## binaries for Linux, macOS and Windows in ./release, with checksums
	scripts/release.sh
