"""Alerts: rules watch the database, one alert stands for each cause, channels tell people.

``kinds`` says what is watched, ``conditions`` finds what is wrong, ``machine`` decides who is told when, ``watch`` ties
them together; ``wording`` writes the messages and ``outbox`` sends them.
"""
