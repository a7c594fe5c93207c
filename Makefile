# connectd: see README.md. `make` alone lists the targets.
GO        ?= go
BUILD     := build
KAFKA     ?= 127.0.0.1:39092
POSTGRES  ?= 13 14 16 17 18
LDFLAGS   := -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK_VERSION := v0.8.2
# Packages whose tests run one after the other: they start daemons or brokers.
TESTFLAGS ?= -race -timeout 25m

.PHONY: help build demo test test-kafka test-postgres test-referee torture lint vuln bench bench-cdc fuzz clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binary into build/connectd
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BUILD)/connectd ./cmd/connectd

demo: build ## watch orders join into carts, fail, be killed, repaired and resumed
	@$(GO) run ./config/demo $(BUILD)/connectd

test: ## all tests that need no Java
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

test-kafka: ## the broker-facing tests again, with fewer kills, on a real Kafka (CONNECTD_TEST_KAFKA, or started here; needs java and mvn)
	CONNECTD_KILLS=$${CONNECTD_KILLS:-4} ./test/peers/with-kafka.sh $(KAFKA) $(GO) test $(TESTFLAGS) -count=1 -p 1 ./connect/kafka/... ./connect/runtime/... ./connect/topics/... ./connect/worker/... ./connectors/kafka/... ./test/

test-postgres: ## the tests of change data capture on other versions of PostgreSQL (POSTGRES="13 18" for some; needs mvn and xz)
	./test/peers/with-postgres.sh "$(POSTGRES)" $(GO) test -timeout 25m -count=1 -p 1 ./connectors/postgrescdc/...
	./test/peers/with-postgres.sh "$(POSTGRES)" $(GO) test -timeout 25m -count=1 -run CDC ./test/

test-referee: ## the same SQL through real Debezium and through connectd, compared record by record (needs java and mvn)
	./test/peers/with-debezium.sh $(GO) test -tags referee -timeout 40m -count=1 -parallel 4 ./test/referee/

torture: ## the crash suites with full counts; takes long
	CONNECTD_KILLS=200 $(GO) test -timeout 12h -count=1 -v -run 'Kill|Crash|Torture' ./connect/broker/... ./connect/state/... ./test/ | tee $(BUILD)/torture.log

lint: ## go vet, gofmt and staticcheck with the checks of staticcheck.conf
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) vet -tags referee ./test/referee/
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION) ./...

vuln: ## known vulnerabilities in dependencies (needs the Go vulnerability database)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest ./...

bench: ## ratios against the bare client, the bare protocol and other Avro libraries, latency, memory (needs python3 for one of them)
	$(GO) run ./bench
	$(GO) test -run '^$$' -bench . ./connect/convert/avro/ ./connect/convert/avro/interop/

bench-cdc: ## change data capture: pg_recvlogical, connectd, and Debezium on a real Kafka, in one run (needs java and mvn)
	DEBEZIUM_HEAP=2G ./test/peers/with-debezium.sh $(GO) run ./bench -cdc

fuzz: ## every fuzz target for FUZZTIME (default 30s), with FUZZPARALLEL workers (default 2)
	./test/fuzz.sh $${FUZZTIME:-30s}

clean: ## remove what was built
	rm -rf $(BUILD)
