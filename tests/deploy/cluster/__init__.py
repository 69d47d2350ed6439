"""A Kubernetes control plane of real programs, and nodes that run pods as plain processes."""
