"""One delivery from its event to its end, as a list of entries in the order of time."""
