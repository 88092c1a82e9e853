"""The pages of a work order and of an external record: links, both sides, every delivery, every event."""
