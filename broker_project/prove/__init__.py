"""``manage.py prove``: the promises P1 to P6, tried with real processes under faults, judged by an independent checker.

The checker reads the simulators' own records and the database with plain SQL; it imports nothing of the broker's flow.
"""
