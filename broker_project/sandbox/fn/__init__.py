"""The simulated Field Nation's inner parts: work orders, their status, sub-resources, webhooks."""
