"""The bus: NATS connections, streams, the ledger and the lease. The only package that imports nats."""
