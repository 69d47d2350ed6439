"""What people see of a running bridge: metrics, probes' state, traces, logs, and a loop that is blocked."""
