"""The admin's first page: how it goes, since when, for whom, and what to do."""
