"""How times are written: to the second and with the zone, since logs are read by people in several zones."""
