"""What a worker runs a submission on: its services, the sandbox, kernels, and the removal of what is left."""
